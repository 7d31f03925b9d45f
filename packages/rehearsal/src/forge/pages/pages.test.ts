import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { stage, type Stage } from '../testing.ts'
import { html, markdown } from './html.ts'

// Real processes, on a machine that may be busy.
setDefaultTimeout(30_000)

let s: Stage
beforeEach(async () => {
  s = await stage()
})
afterEach(() => s.end())

const open = async (path: string) => {
  const response = await fetch(s.forge.url + path)
  return { status: response.status, text: await response.text(), policy: response.headers.get('content-security-policy') ?? '' }
}

test('a person finds the repository, the issue with its comments, and the diff of the pull request', async () => {
  s.forge.openIssue('ada/shop', 'ada', { title: 'Wanted', body: 'Some **bold** wish', labels: ['ai-factory'] })
  s.forge.comment('ada/shop', 1, 'bob', 'A comment')
  await s.branch('work', { 'a.txt': 'new line\n' })
  await s.forge.openPull('ada/shop', 'factory-bot', { title: 'The work', head: 'work', base: 'main', body: '- [x] done\n\n<details><summary>Evidence</summary>\n\n|a|b|\n|-|-|\n|1|2|\n\n</details>' })
  expect((await open('/')).text).toContain('ada/shop')
  const repo = await open('/ada/shop')
  for (const part of ['Wanted', 'The work', 'README.md', '<h1>Shop</h1>']) expect(repo.text).toContain(part)
  const issue = await open('/ada/shop/issues/1')
  for (const part of ['<strong>bold</strong>', 'A comment', 'ai-factory', 'bob']) expect(issue.text).toContain(part)
  const pull = await open('/ada/shop/pull/2')
  for (const part of ['The work', '<details><summary>Evidence', '<table>', '<span class="add">+new line</span>', 'can be merged']) expect(pull.text).toContain(part)
  expect(pull.policy).toContain("default-src 'none'")
  expect((await open('/ada/shop/pull/2.diff')).text).toContain('+new line')
  expect((await open('/ada/shop/issues/2')).text).toContain('wants to merge')
})

test('what people write is shown, not done', async () => {
  const evil = '<script>alert(1)</script><img src=x onerror=alert(2)>'
  s.forge.openIssue('ada/shop', 'ada', { title: evil, body: `${evil}\n\n[x](javascript:alert(3)) [y](data:text/html,a)\n\n<details open ontoggle=alert(4)>`, labels: [evil.slice(0, 40)] })
  s.forge.comment('ada/shop', 1, 'bob', evil)
  await s.branch('work', { 'x.html': `${evil}\n` })
  await s.forge.openPull('ada/shop', 'ada', { title: evil, head: 'work', base: 'main', body: evil })
  for (const path of ['/ada/shop', '/ada/shop/issues/1', '/ada/shop/pull/2']) {
    const { text } = await open(path)
    expect(text).toContain('&lt;script&gt;')
    expect(text).not.toMatch(/<script|<img|href="(javascript|data):|<details open/i)
  }
})

test('what is not there says so', async () => {
  for (const path of ['/no/where', '/ada/shop/issues/9', '/ada/shop/pull/9', '/ada/shop/pull/9.diff', '/x']) expect((await open(path)).status).toBe(404)
})

describe('html', () => {
  test('escapes values but not templates inside templates', () => {
    expect(html`<b title="${'"'}">${'<i>'}${html`<i>${1}</i>`}${[html`<u>`, '&', null, false]}</b>`.text).toBe('<b title="&quot;">&lt;i&gt;<i>1</i><u>&amp;</b>')
  })

  test('numbers lead to issues, but not in code or links', () => {
    const { text } = markdown('Closes #7, not `#8` or [see #9](https://x.example/) or a#1', 'ada/shop')
    expect(text).toContain('Closes <a href="/ada/shop/issues/7">#7</a>, not <code>#8</code> or <a href="https://x.example/">see #9</a> or a#1')
  })

  test('hidden comments stay hidden', () => {
    expect(markdown('a <!-- secret --> b').text).not.toContain('secret')
  })
})
