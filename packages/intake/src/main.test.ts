import { expect, test } from 'bun:test'
import { join } from 'node:path'

const MAIN = join(import.meta.dir, 'main.ts')
const env = { PATH: process.env.PATH ?? '', GITHUB_TOKEN: 'ghp_x', GITHUB_API_URL: 'http://127.0.0.1:9', ORCHESTRATOR_URL: 'http://127.0.0.1:9', REPOS: 'o/r', FACTORY_TOKEN: 'fct_x', INTAKE_PORT: '0' }
const run = (over: Record<string, string>) => Bun.spawn([process.execPath, MAIN], { env: { ...env, ...over }, stdout: 'pipe', stderr: 'pipe' })

test('a wrong configuration ends it with code 1 and all reasons', async () => {
  const child = run({ REPOS: 'nonsense', POLL_INTERVAL: '1' })
  const text = await new Response(child.stderr).text()
  expect(await child.exited).toBe(1)
  expect(text).toContain('REPOS is "nonsense"')
  expect(text).toContain('POLL_INTERVAL is "1"')
  expect(text).not.toContain('at ')
})

test('starts though nothing answers, and stops when told', async () => {
  const child = run({})
  const reader = child.stderr.getReader()
  let text = ''
  while (!text.includes('intake is up')) {
    const { value, done } = await reader.read()
    if (done) throw new Error(`it ended: ${text}`)
    text += new TextDecoder().decode(value)
  }
  const url = /"url":"(http:[^"]+)"/.exec(text)?.[1] ?? ''
  expect((await fetch(`${url}/health`)).status).toBe(200)
  expect((await fetch(`${url}/ready`)).status).toBe(503)
  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
}, 20_000)
