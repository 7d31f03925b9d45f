import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { defineScript, startModel, type Model } from '@factory/rehearsal'
import { describeWith, need } from '@factory/rehearsal/testing'
import { readEnvironment } from '../config.ts'
import { makeRepo, PATH, type Repo } from '../testing.ts'
import type { AgentResult, AgentTask, Verdict } from './agent.ts'
import { claudeAgent, type ClaudeOptions } from './claude.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

type Rules = Parameters<typeof defineScript>[0]['rules']
const loop: Rules = [{ reply: [{ tool: 'Bash', input: { command: 'echo again', description: 'again' } }] }]
const fault = (kind: 'overloaded' | 'server_error' | 'rate_limit' | 'disconnect' | 'prompt_too_long' | 'unauthorized' | 'low_credit' | 'model_not_found'): Rules => [{ fault: kind }]

let model: Model
let repo: Repo
afterEach(async () => {
  await model?.stop()
  await repo?.remove()
})

async function ask(rules: Rules, options: Partial<ClaudeOptions> & { env?: Record<string, string> } = {}, task: Partial<AgentTask> = {}): Promise<AgentResult> {
  model = await startModel({ scripts: [defineScript({ rules })] })
  repo = await makeRepo({ 'a.txt': 'a' })
  const env = readEnvironment({ PATH, ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'made-up', IS_SANDBOX: '1' }).agent
  const agent = claudeAgent({ bin: need('claude'), ...options, env: { ...env, CLAUDE_CODE_MAX_RETRIES: '0', ...options.env } })
  return agent.run({ dir: repo.dir, prompt: 'Go', rules: 'Be quick.', model: 'claude-sonnet-4-5', maxCostUsd: 5, limitMs: 50_000, tools: null, beforeEdit: null, signal: new AbortController().signal, onActivity: () => undefined, ...task })
}

describeWith(['claude'], 'what the real CLI says, and what it means', () => {
  test.each<[string, Rules, Verdict['kind']]>([
    ['a text', [{ reply: 'fine' }], 'worked'],
    ['limit words in ordinary output', [{ reply: "You've hit your 5-hour limit. API Error: 529 overloaded. Invalid API key." }], 'worked'],
    ['529', fault('overloaded'), 'overloaded'],
    ['500', fault('server_error'), 'overloaded'],
    ['429 without a reset', fault('rate_limit'), 'overloaded'],
    ['the connection breaks', fault('disconnect'), 'network'],
    ['a prompt that is too long', fault('prompt_too_long'), 'failed'],
    ['401', fault('unauthorized'), 'auth'],
    ['low credit', fault('low_credit'), 'auth'],
    ['404', fault('model_not_found'), 'auth'],
  ])('%s', async (_name, rules, kind) => {
    expect((await ask(rules)).verdict).toMatchObject({ kind })
  })

  test('nobody listens', async () => {
    expect((await ask([{ reply: 'x' }], { env: { ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' } })).verdict.kind).toBe('network')
  })

  test('a limit of turns or money ends an execution as failed, with what it cost', async () => {
    const turns = await ask(loop, { maxTurns: 2 })
    expect(turns.verdict.kind).toBe('failed')
    expect(turns.usage.costUsd).toBeGreaterThan(0)
    await model.stop()
    await repo.remove()
    expect((await ask(loop, {}, { maxCostUsd: 0.01 })).verdict.kind).toBe('failed')
  })

  test('SIGINT by us is an abort, whatever it exits with', async () => {
    const stop = new AbortController()
    const result = await ask(
      [{ match: { turn: 0 }, reply: [{ tool: 'Bash', input: { command: 'sleep 60', description: 'wait' } }] }, { reply: 'x' }],
      {},
      { signal: stop.signal, onActivity: (activity) => activity.kind === 'tool' && stop.abort('SIGINT') },
    )
    expect(result.verdict).toEqual({ kind: 'aborted' })
  })

  test('a tool that runs for ever ends with the wall clock', async () => {
    const result = await ask([{ match: { turn: 0 }, reply: [{ tool: 'Bash', input: { command: 'sleep 600', description: 'wait' } }] }, { reply: 'x' }], { graceMs: 2000 }, { limitMs: 3000 })
    expect(result.verdict).toMatchObject({ kind: 'failed', reason: expect.stringContaining('longer than allowed') })
  })
})
