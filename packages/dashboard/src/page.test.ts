import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { describeWith, need } from '@factory/rehearsal/testing'
import { chromium, type Browser, type Page } from 'playwright-core'
import { start } from './index.ts'
import { anEvent, anItem, startStubApi, type StubApi } from './testing/stub-api.ts'

// A browser on a busy machine; each wait inside has its own, shorter limit.
setDefaultTimeout(40_000)

const HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script> \u202egnirts \u0007'

describeWith(['chromium'], 'the page in a browser', () => {
  let browser: Browser
  let stub: StubApi
  let service: Awaited<ReturnType<typeof start>>
  let page: Page
  const troubles: string[] = []

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: need('chromium'), args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-dev-shm-usage'] })
  })
  afterAll(async () => browser.close())

  beforeEach(async () => {
    await page?.context().close()
    await service?.stop()
    await stub?.stop()
    troubles.length = 0
    stub = startStubApi()
    service = await start({ port: 0, host: '127.0.0.1', orchestratorUrl: stub.url })
    page = await (await browser.newContext()).newPage()
    page.setDefaultTimeout(10_000)
    page.on('pageerror', (error) => troubles.push(error.message))
    page.on('console', (message) => {
      if (/Content Security Policy|Warning:/.test(message.text())) troubles.push(message.text())
    })
  })
  afterAll(async () => {
    await service.stop()
    await stub.stop()
  })

  const open = async (path = '/') => {
    await page.goto(`${service.url}${path}#token=${stub.token}`)
    await page.getByText('Live', { exact: true }).waitFor()
  }
  const item = (id: number) => stub.world.details.find((detail) => detail.item.id === id)?.item

  test('signing in: a wrong token is refused, the right one opens, signing out closes', async () => {
    await page.goto(service.url)
    const field = page.getByRole('textbox', { name: 'Token' })
    await field.fill('wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('does not accept this token').waitFor()
    await field.fill(stub.token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Working now' }).waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await field.waitFor()
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
    expect(troubles).toEqual([])
  })

  test('shows queue, workers and recent items; the token leaves the address bar', async () => {
    await open()
    expect(new URL(page.url()).hash).toBe('')
    expect(await page.getByText('Iteration 2 of 12').isVisible()).toBe(true)
    const queue = page.getByRole('region', { name: 'Queue' }).getByRole('listitem')
    expect(await queue.first().innerText()).toContain('Checkout loses the voucher')
    expect(await queue.nth(1).innerText()).toContain('src/mail/order.ts is held by run 7')
    const recent = page.getByRole('region', { name: 'Recent' })
    expect(await recent.getByRole('link', { name: 'PR #57' }).getAttribute('href')).toBe('https://github.com/acme/shop/pull/57')
    expect(await recent.innerText()).toContain('evidence passed')
    expect(await page.title()).toBe('(1) 2 working, 3 waiting · Factory')
    expect(troubles).toEqual([])
  })

  test('a change and progress show up without a reload', async () => {
    await open()
    stub.progress({ runId: 7, itemId: 3, progress: { iteration: 3, activity: 'Bash bun test' } })
    await page.getByText('Iteration 3 of 12').waitFor()
    await page.getByText('Bash bun test').waitFor()
    stub.world.details.push({ item: anItem(Date.now(), { id: 20, title: 'Fresh from the tracker' }), runs: [], events: [] })
    stub.world.queue.unshift(20)
    stub.emit(anEvent(Date.now(), { id: '50', type: 'work.created', itemId: 20 }))
    await page.getByRole('link', { name: 'Fresh from the tracker' }).waitFor()
  })

  test('survives a restart of the orchestrator and goes on behind the last event', async () => {
    await open()
    const port = Number(new URL(stub.url).port)
    const answered = page.waitForResponse((response) => response.url().includes('/api/queue'))
    stub.emit(anEvent(Date.now(), { id: '77' }))
    await answered
    await stub.stop()
    await page.getByText(/Reconnecting · showing data of \d+ s ago/).waitFor()
    expect(await page.getByText('Iteration 2 of 12').isVisible()).toBe(true)
    stub = startStubApi({ port, world: { ...stub.world, queue: [6] } })
    await page.getByText('Live', { exact: true }).waitFor()
    await page.getByText('Checkout loses the voucher').waitFor({ state: 'detached' })
    expect(stub.streams).toEqual(['77'])
  })

  test('hostile titles, questions and logs are text', async () => {
    const target = item(4)
    if (target) Object.assign(target, { title: HOSTILE, spec: HOSTILE, sourceUrl: 'javascript:window.hacked=1' })
    await open()
    expect(await page.getByRole('link', { name: '<img src=x' }).innerText()).toContain('<script>')
    await page.getByRole('link', { name: '<img src=x' }).click()
    await page.getByRole('heading', { level: 1, name: '<img src=x' }).waitFor()
    expect(await page.locator('a[href^="javascript"]').count()).toBe(0)
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false)
    expect(troubles).toEqual([])
  })

  test('killing a run asks first and sends the reason', async () => {
    await open()
    await page.getByRole('button', { name: 'Kill run 7' }).click()
    await page.getByRole('dialog').getByLabel('Reason').fill('wrong branch')
    await page.keyboard.press('Escape')
    expect(stub.calls.some((call) => call.includes('kill'))).toBe(false)
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Kill run 7')
    await page.getByRole('button', { name: 'Kill run 7' }).click()
    await page.getByRole('dialog').getByLabel('Reason').fill('wrong branch')
    await page.getByRole('button', { name: 'Kill the run' }).click()
    await page.getByText('Iteration 2 of 12').waitFor({ state: 'detached' })
    expect(stub.calls).toContain('POST /api/workers/7/kill')
    expect(stub.bodies.at(-1)).toEqual({ reason: 'wrong branch' })
  })

  test("an item's page: spec, log, evidence, cancel; a refusal is shown in the dialog", async () => {
    await open('/items/3')
    await page.locator('.log-ralph', { hasText: 'iteration 2 of 12' }).waitFor()
    expect(await page.locator('.box-done').count()).toBe(1)
    expect(await page.locator('.box').count()).toBe(2)
    const target = item(3)
    if (target) target.status = 'completed'
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('button', { name: 'Cancel the item' }).click()
    await page.getByText('cannot be cancelled').waitFor()
    await page.goto(`${service.url}/items/999`)
    await page.getByText('There is no such thing').waitFor()
  })

  test('nothing is wider than a phone', async () => {
    await page.setViewportSize({ width: 360, height: 740 })
    for (const path of ['/', '/items/3', '/items/2']) {
      await open(path)
      await page.getByRole('heading', { level: 2 }).nth(2).waitFor()
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
    }
  })
})
