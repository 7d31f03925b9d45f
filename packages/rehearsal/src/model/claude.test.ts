import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runClaude } from '../run-claude.ts'
import { describeWith, need } from '../testing.ts'
import { parseScript } from './script.ts'
import { startModel, type Model } from './serve.ts'

// Real processes, on a machine that may be busy.
setDefaultTimeout(30_000)

describeWith(['claude'], 'the real Claude CLI on a scripted model', () => {
  let dir = ''
  let model: Model | undefined

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'rehearsal-'))
  })
  afterEach(async () => {
    await model?.stop()
    await rm(dir, { recursive: true, force: true })
  })

  const run = async (script: string, options: { subscription?: boolean; args?: string[] } = {}) => {
    model = await startModel({ scripts: [parseScript(script, 'test.yml')] })
    return { model, run: await runClaude({ bin: need('claude'), modelUrl: model.url, cwd: dir, prompt: 'Please greet Ada now', ...options }) }
  }

  test('writes a file, runs a command and ends, turn by turn', async () => {
    const { model, run: done } = await run(`
rules:
  - name: greet
    match: { prompt: '/greet (?<who>\\w+)/' }
    usage: { input: 1000, output: 50, cache_read: 200 }
    turns:
      - - text: I write it down.
        - tool: Write
          input: { file_path: '{{cwd}}/hello.txt', content: "Hello {{who}} — \\u2713\\n" }
      - - tool: Bash
          input: { command: cat hello.txt && echo from-bash > bash.txt, description: Show it }
      - 'It says: {{result}}'
`)
    expect(done.exitCode).toBe(0)
    expect(await Bun.file(join(dir, 'hello.txt')).text()).toBe('Hello Ada — ✓\n')
    expect(await Bun.file(join(dir, 'bash.txt')).text()).toBe('from-bash\n')
    expect(done.result).toMatchObject({ subtype: 'success', is_error: false, num_turns: 3, result: 'It says: Hello Ada — ✓', usage: { input_tokens: 3000, output_tokens: 150, cache_read_input_tokens: 600 } })
    expect(model.requests.map((seen) => seen.rule)).toEqual(['test.yml: greet', 'test.yml: greet', 'test.yml: greet'])
    expect(model.requests[0]).toMatchObject({ prompt: 'Please greet Ada now', turn: 0, headers: { 'x-api-key': 'made-up' } })
  })

  test('a prompt without a rule ends the run quietly', async () => {
    const { model, run: done } = await run('rules: [{ match: { prompt: something else }, reply: never }]')
    expect(done.result).toMatchObject({ is_error: false, num_turns: 1 })
    expect(model.requests.map((seen) => seen.rule)).toEqual([null])
  })

  test('a usage limit looks like the recorded one', async () => {
    const resets = Math.round(Date.now() / 1000) + 7200
    const { model, run: done } = await run(`rules: [{ fault: { kind: usage_limit, resets_at: ${resets} } }]`, { subscription: true })
    expect(done.exitCode).toBe(1)
    expect(done.lines.find((line) => line.type === 'rate_limit_event')).toMatchObject({ rate_limit_info: { status: 'rejected', resetsAt: resets, rateLimitType: 'five_hour' } })
    expect(done.result).toMatchObject({ subtype: 'success', is_error: true, api_error_status: 429, terminal_reason: 'api_error' })
    expect(model.requests).toHaveLength(1)
  })

  test.each([
    ['unauthorized', 401],
    ['low_credit', 400],
    ['model_not_found', 404],
  ])('%s ends the run with status %d', async (fault, status) => {
    const { run: done } = await run(`rules: [{ fault: ${fault} }]`)
    expect(done.exitCode).toBe(1)
    expect(done.result).toMatchObject({ is_error: true, api_error_status: status })
  }, 20_000)

  test.each(['overloaded', 'server_error', 'disconnect'])('%s once is retried and the turn then succeeds', async (fault) => {
    const { model, run: done } = await run(`rules: [{ name: bad, fault: ${fault}, times: 1 }, { name: good, reply: fine }]`)
    expect(done.result).toMatchObject({ is_error: false, result: 'fine' })
    expect(model.requests.map((seen) => seen.rule)).toEqual(['test.yml: bad', 'test.yml: good'])
  }, 20_000)

  test('a stream cut in the middle is survived by the CLI', async () => {
    const { model, run: done } = await run('rules: [{ name: cut, reply: half an answer, cut: 3, times: 1 }, { name: whole, reply: the answer }]')
    expect(model.requests.length).toBeGreaterThan(1)
    expect(done.result).toMatchObject({ is_error: false, result: 'the answer' })
  }, 30_000)
})
