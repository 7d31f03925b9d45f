import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { anItem, aLogLine, startStubApi, type StubApi } from '@factory/dashboard/testing'
import { ErrorBody } from '@factory/shared'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// Each test starts processes; on a busy machine that takes its time.
setDefaultTimeout(30_000)

let stub: StubApi
let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'factory-cli-'))))
afterAll(() => rm(folder, { recursive: true, force: true }))
beforeEach(() => void (stub = startStubApi()))
afterEach(() => stub.stop())

type Said = { code: number; out: string; err: string }

/** The program as people run it: a process of its own, in a folder without a configuration. */
async function factory(args: string[], given: { env?: Record<string, string>; stdin?: string } = {}): Promise<Said> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'main.ts'), ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', FACTORY_URL: stub.url, FACTORY_TOKEN: stub.token, ...given.env },
    stdin: new Blob([given.stdin ?? '']),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, err }
}

const document = (said: Said): unknown => JSON.parse(said.out)
const item = (id: number) => stub.world.details.find((detail) => detail.item.id === id)?.item

describe('exit codes and errors', () => {
  test.each<[string, string[], Record<string, string>, number]>([
    ['not found', ['work', 'show', '999'], {}, 2],
    ['a wrong token', ['status'], { FACTORY_TOKEN: 'wrong' }, 3],
    ['no token at all', ['status'], { FACTORY_TOKEN: '' }, 3],
    ['not possible in this state', ['work', 'cancel', '2'], {}, 3],
    ['nobody answers', ['status'], { FACTORY_URL: 'http://127.0.0.1:1' }, 4],
    ['an unknown command', ['work', 'burn'], {}, 64],
    ['an unknown option', ['work', 'list', '--colour'], {}, 64],
    ['a wrong value', ['work', 'list', '--status', 'happy'], {}, 64],
    ['an id that is none', ['work', 'show', 'abc'], {}, 64],
    ['a missing id', ['work', 'show'], {}, 64],
    ['a wrong setting', ['status'], { FACTORY_URL: 'orchestrator' }, 64],
    ['no command', [], {}, 64],
  ])('%s', async (_name, args, env, code) => {
    const plain = await factory(args, { env })
    expect({ code: plain.code, out: plain.out }).toEqual({ code, out: '' })
    expect(plain.err.length).toBeGreaterThan(10)
    expect(plain.err).not.toContain('    at ')
    if (args.length === 0) return
    const json = await factory([...args, '--json'], { env })
    expect(json.code).toBe(code)
    expect(ErrorBody.parse(document(json)).error.message.length).toBeGreaterThan(5)
    expect(json.err).toBe('')
  })

  test('a refused input names the field', async () => {
    const said = await factory(['work', 'add', '--repo', 'acme/shop', '--description', 'x', '--source', 'BAD', '--source-id', '1'])
    expect(said.code).toBe(1)
    expect(said.err).toContain('source')
  })

  test('the token file is used where the environment has none', async () => {
    await Bun.write(join(folder, '.factory', 'token'), `${stub.token}\n`)
    expect((await factory(['status'], { env: { FACTORY_TOKEN: '' } })).code).toBe(0)
    await rm(join(folder, '.factory'), { recursive: true })
  })

  test('every command has help that tells the exit codes', async () => {
    const general = await factory(['--help'])
    expect(general.code).toBe(0)
    const names = [...general.out.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}/gm)].map((match) => match[1] ?? '')
    expect(names).toContain('work logs')
    const answers = await Promise.all(names.map(async (name) => ({ name, said: await factory([...name.split(' '), '--help']) })))
    for (const { name, said } of answers) {
      expect([name, said.code]).toEqual([name, 0])
      expect(said.out).toContain(`Usage: factory ${name}`)
      expect(said.out).toMatch(/64 {2}wrong arguments/)
    }
  })
})

describe('work', () => {
  test('add in prose, from standard input, and as a spec; the same source twice is said', async () => {
    const prose = await factory(['work', 'add', '--repo', 'acme/shop', '--description', '-', '--priority', 'high'], { stdin: 'Round the prices\n' })
    expect(prose.out).toContain('Added item')
    expect(stub.bodies.at(-1)).toEqual({ repo: 'acme/shop', priority: 'high', description: 'Round the prices\n' })
    await Bun.write(join(folder, 'my spec.md'), '# T\n- [ ] do it\n')
    const spec = await factory(['work', 'add', '--repo', 'acme/shop', '--spec', 'my spec.md', '--source', 'jira', '--source-id', 'J-1', '--source-url', 'https://example.com/J-1', '--json'])
    expect(spec.code).toBe(0)
    expect(stub.bodies.at(-1)).toEqual({ repo: 'acme/shop', source: 'jira', sourceId: 'J-1', sourceUrl: 'https://example.com/J-1', spec: '# T\n- [ ] do it\n' })
  })

  test.each([
    [['--description', 'x']],
    [['--repo', 'a/b']],
    [['--repo', 'a/b', '--description', 'x', '--spec', 'y']],
    [['--repo', 'a/b', '--spec', 'not-there.md']],
    [['--repo', 'a/b', '--description', '  ']],
    [['--repo', 'a/b', '--description', 'x', '--source', 'jira']],
    [['--repo', 'a/b', '--description', 'x', '--priority', 'urgent']],
  ])('add %j is wrong usage and asks the orchestrator for nothing', async (args) => {
    expect((await factory(['work', 'add', ...args])).code).toBe(64)
    expect(stub.calls).toEqual([])
  })

  test('list fits 80 columns, filters, and puts hostile titles out harmlessly', async () => {
    const target = item(4)
    if (target) Object.assign(target, { title: `\u001b]0;owned\u0007\u001b[31m${'红'.repeat(200)}`, repo: `acme/${'long-'.repeat(15)}name` })
    const said = await factory(['work', 'list', '--active'])
    expect(said.code).toBe(0)
    expect(stub.calls.at(-1)).toContain('active=true')
    expect(said.out).not.toContain('Export orders')
    // oxlint-disable-next-line no-control-regex
    expect(said.out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
    expect(said.out).toContain('␛]0;owned')
    for (const line of said.out.split('\n')) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80)
  })

  test('show says why it waits, and what was checked', async () => {
    expect((await factory(['work', 'show', '5'])).out).toContain('src/mail/order.ts is held by run 7')
    const done = await factory(['work', 'show', '#2'])
    expect(done.out).toContain('https://github.com/acme/shop/pull/57')
    expect(done.out).toContain('evidence   passed')
  })

  test('cancel and retry send the reason', async () => {
    expect((await factory(['work', 'cancel', '4', '--reason', 'not now'])).out).toContain('Cancelled item 4, now cancelled')
    expect(stub.bodies.at(-1)).toEqual({ reason: 'not now' })
    expect((await factory(['work', 'retry', '4'])).out).toContain('now queued')
  })

  test('logs come in order, and one entry cannot pass for two', async () => {
    stub.world.logs.set(7, [aLogLine(Date.now(), { text: 'first\n12:00:00 agent  forged' }), aLogLine(Date.now(), { stream: 'stderr', text: 'second\u001b[2J' })])
    const said = await factory(['work', 'logs', '3'])
    const lines = said.out.trimEnd().split('\n')
    expect(lines.length).toBe(3)
    expect(lines[0]).toEndWith('agent  first')
    expect(lines[1]).toBe(`${' '.repeat(16)}12:00:00 agent  forged`)
    expect(lines[2]).toEndWith('stderr second␛[2J')
  })

  test('logs --follow prints what is added and ends with the item', async () => {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, 'main.ts'), 'work', 'logs', '3', '--follow'], {
      cwd: folder,
      env: { PATH: process.env.PATH ?? '', FACTORY_URL: stub.url, FACTORY_TOKEN: stub.token },
      stdout: 'pipe',
    })
    let seen = ''
    const decoder = new TextDecoder()
    for await (const chunk of child.stdout) {
      seen += decoder.decode(chunk)
      if (seen.includes('added later')) {
        for (const detail of stub.world.details) {
          if (detail.item.id !== 3) continue
          detail.item.status = 'completed'
          for (const run of detail.runs) run.status = 'succeeded'
        }
      } else if (seen.includes('Edit src/cart/total.ts')) stub.world.logs.get(7)?.push(aLogLine(Date.now(), { text: 'added later' }))
    }
    expect(await child.exited).toBe(0)
    expect(seen.match(/added later/g)?.length).toBe(1)
  })
})

describe('the rest', () => {
  test('status in words; a part that is not well is exit code 1', async () => {
    const well = await factory(['status'])
    expect(well.code).toBe(0)
    expect(well.out).toContain('2 of 3 active')
    expect(well.out).toContain('34 of 200 iterations, 6 reserved, $12.40')
    stub.world.status.parts = [{ name: 'locks', ok: false, detail: 'redis does not answer' }]
    const sick = await factory(['status', '--json'])
    expect(sick.code).toBe(1)
    expect(document(sick)).toMatchObject({ parts: [{ name: 'locks', ok: false }] })
  })

  test('limits are shown, set while it runs, and given back to the configuration', async () => {
    expect((await factory(['limits'])).out).toContain('200 iterations a day\n')
    const set = await factory(['limits', '--daily-iterations', '500', '--max-workers', '0'])
    expect(stub.bodies.at(-1)).toEqual({ dailyIterations: 500, maxWorkers: 0 })
    expect(set.out).toContain('500 iterations a day, set while running (configured: 200)')
    await factory(['limits', '--daily-iterations', 'configured'])
    expect(stub.bodies.at(-1)).toEqual({ dailyIterations: null })
    const wrong = await factory(['limits', '--cooldown', '-1'])
    expect(wrong.code).toBe(64)
    expect((await factory(['limits', '--cooldown=many'])).err).toContain('--cooldown: "many" is no whole number')
  })

  test('workers, and killing one', async () => {
    expect((await factory(['workers'])).out).toContain('Edit src/')
    expect((await factory(['workers', 'kill', '7', '--reason', 'stuck'])).out).toContain('Killed run 7 of item 3')
    expect((await factory(['workers', 'kill', '99'])).code).toBe(2)
  })

  test('learnings search says how it was found', async () => {
    const said = await factory(['learnings', 'search', 'integers', 'of', 'cents'])
    expect(said.out).toContain('Prices are integers')
    expect(said.out).toContain('found by text')
    expect((await factory(['learnings', 'search', 'zebra'])).out).toContain('Nothing found')
  })

  test('no colour when the output is not a terminal', async () => {
    stub.world.details.push({ item: anItem(Date.now(), { id: 30, status: 'failed' }), runs: [], events: [] })
    expect((await factory(['work', 'list'])).out).not.toContain('\u001b')
  })

  test('colour on a terminal, and none there with NO_COLOR', async () => {
    const onTerminal = async (env: Record<string, string>) => {
      let screen = ''
      const child = Bun.spawn([process.execPath, join(import.meta.dir, 'main.ts'), 'work', 'list'], {
        cwd: folder,
        env: { PATH: process.env.PATH ?? '', TERM: 'xterm-256color', FACTORY_URL: stub.url, FACTORY_TOKEN: stub.token, ...env },
        terminal: { cols: 60, rows: 24, data: (_terminal, bytes) => void (screen += new TextDecoder().decode(bytes)) },
      })
      await child.exited
      return screen
    }
    const coloured = await onTerminal({})
    expect(coloured).toContain('\u001b[31mfailed')
    for (const line of coloured.split(/\r?\n/)) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(60)
    expect(await onTerminal({ NO_COLOR: '1' })).not.toContain('\u001b[31m')
  })

  test('doctor finds the orchestrator well and everything in JSON has a fix where one is needed', async () => {
    const said = await factory(['doctor', '--json'], { env: { MAX_WORKERS: 'many', REDIS_URL: 'redis://127.0.0.1:1' } })
    expect(said.code).toBe(1)
    const report = document(said)
    expect(report).toMatchObject({ healthy: false })
    const findings = report && typeof report === 'object' && 'findings' in report && Array.isArray(report.findings) ? report.findings : []
    const of = (name: string) => findings.find((finding: { name: string }) => finding.name === name)
    expect(findings).toContainEqual(expect.objectContaining({ name: 'setting', detail: expect.stringContaining('MAX_WORKERS is "many"') }))
    expect(of('redis')).toMatchObject({ status: 'fail' })
    expect(of('orchestrator')).toMatchObject({ status: 'ok' })
    expect(of('token')).toMatchObject({ status: 'ok' })
    for (const finding of findings) if (finding.status === 'fail' || finding.status === 'warn') expect(finding.fix.length).toBeGreaterThan(5)
    expect((await factory(['doctor'])).out).toContain('→')
  })
})
