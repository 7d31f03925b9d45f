import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { z } from 'zod'

// Real processes, on a machine that may be busy.
setDefaultTimeout(30_000)

const Started = z.object({
  forge: z.object({ url: z.string(), apiUrl: z.string(), control: z.string() }),
  model: z.object({ url: z.string() }),
  env: z.record(z.string(), z.string()),
})

let child: ReturnType<typeof start> | undefined
afterEach(async () => {
  child?.kill('SIGKILL')
  await child?.exited
})

function start(...args: string[]) {
  return Bun.spawn([process.execPath, join(import.meta.dir, 'main.ts'), ...args], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
}

const firstLine = async (stream: ReadableStream<Uint8Array>) => {
  let text = ''
  for await (const part of stream) {
    text += new TextDecoder().decode(part)
    if (text.includes('\n')) break
  }
  return text
}

test('starts both, can be used with the environment that it prints, and ends on a signal', async () => {
  child = start('both', '--port', '0', '--model-port', '0', '--json')
  const { forge, model, env } = Started.parse(JSON.parse(await firstLine(child.stdout)))
  expect(env).toMatchObject({ GITHUB_URL: forge.url, GITHUB_API_URL: forge.apiUrl, REPOS: 'demo/tidy-text', ANTHROPIC_BASE_URL: model.url })
  const repo = await fetch(`${forge.apiUrl}/repos/demo/tidy-text`, { headers: { authorization: `token ${env['GITHUB_TOKEN']}` } })
  expect(await repo.json()).toMatchObject({ full_name: 'demo/tidy-text', default_branch: 'main' })
  expect((await fetch(`${forge.control}/requests`)).status).toBe(200)
  const asked = await fetch(`${model.url}/v1/messages`, { method: 'POST', body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'who are you' }] }) })
  expect(await asked.json()).toMatchObject({ stop_reason: 'end_turn' })
  expect(await firstLine(child.stderr)).toContain('no rule matches (turn 0): "who are you"')
  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
})

test.each([
  [['nothing'], 64, 'is none of forge, model, both'],
  [['both', '--port', '0', '--model-port', '0', '--repo', 'a/b=/does/not/exist'], 1, '/does/not/exist is not a directory'],
  [['model', '--model-port', '0', '--scripts', '/does/not/exist'], 1, '/does/not/exist: cannot be read'],
])('%j exits %d and says why', async (args, code, message) => {
  child = start(...args)
  const stderr = await new Response(child.stderr).text()
  expect(await child.exited).toBe(code)
  expect(stderr).toContain(message)
})
