import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { defineScript, startModel, type Model } from '@factory/rehearsal'
import { describeWith, need } from '@factory/rehearsal/testing'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { CALL, FAKE, MODEL, type Rules } from '../../fixtures/cases.ts'
import { readEnvironment } from '../config.ts'
import { makeRepo, PATH, type Repo } from '../testing.ts'
import type { AgentTask } from './agent.ts'
import { claudeAgent } from './claude.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

const Asked = z.looseObject({ model: z.string(), messages: z.array(z.looseObject({ role: z.string() })), tools: z.array(z.looseObject({ name: z.string() })) })

let model: Model
let repo: Repo
beforeEach(async () => {
  repo = await makeRepo({ 'a.txt': 'a', 'CLAUDE.md': 'Never say hello.' })
})
afterEach(async () => {
  await model.stop()
  await repo.remove()
})

/** Runs the real CLI with the flags and the environment of production; what the model was asked. */
async function ask(rules: Rules, task: Partial<AgentTask> = {}) {
  model = await startModel({ scripts: [defineScript({ rules })] })
  const env = readEnvironment({ PATH, ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'made-up', IS_SANDBOX: '1' }).agent
  const result = await claudeAgent({ bin: need('claude'), env }).run({ dir: repo.dir, prompt: 'Do the work', rules: 'Be quick.', model: MODEL, maxCostUsd: 5, limitMs: 50_000, tools: null, beforeEdit: null, signal: new AbortController().signal, onActivity: () => undefined, ...task })
  return { result, requests: model.requests.map((seen) => ({ ...Asked.parse(seen.body), text: JSON.stringify(seen.body), prompt: seen.prompt })) }
}
const bash = (command: string) => ({ match: { turn: 0 }, reply: [{ tool: 'Bash', input: { command, description: 'x' } }], usage: CALL })

describeWith(['claude'], 'one iteration of the real CLI', () => {
  test('gets the prompt, our rules and the model, and nothing of the repository or of a memory', async () => {
    const { requests } = await ask([{ reply: 'Done.' }])
    expect(requests).toHaveLength(1)
    expect(requests[0]).toMatchObject({ model: MODEL, prompt: 'Do the work' })
    expect(requests[0]?.text).toContain('Be quick.')
    expect(requests[0]?.text).not.toContain('Never say hello.')
    expect(requests[0]?.text).not.toMatch(/memory director|auto.?memory/i)
  })

  test('begins with a fresh context, whatever was said before in the same directory', async () => {
    await ask([{ reply: 'The secret is plum.' }])
    await model.stop()
    const { requests } = await ask([{ reply: 'Done.' }], { prompt: 'Go on' })
    expect(requests[0]?.messages.filter((message) => message.role === 'assistant')).toHaveLength(0)
    expect(requests[0]?.text).not.toContain('plum')
  })

  test('leaves no transcript of a subagent behind for the next one', async () => {
    const { requests } = await ask([{ match: { prompt: 'Do the work', turn: 0 }, reply: [{ tool: 'Agent', input: { description: 'look', prompt: 'Be the helper', subagent_type: 'general-purpose' } }] }, { reply: 'Done.' }])
    expect(requests.map((request) => request.prompt)).toContain('Be the helper')
    const slug = repo.dir.replaceAll(/[^A-Za-z0-9]/g, '-')
    const left = readdirSync(tmpdir()).filter((name) => /^claude-\d+$/.test(name)).flatMap((name) => readdirSync(join(tmpdir(), name)))
    expect(left).not.toContain(slug)
  })

  test('has no tool that reaches outside, and may not ask git to move what Ralph keeps', async () => {
    const { requests } = await ask([bash('git checkout -b mine'), { reply: 'Done.' }])
    expect(requests[0]?.tools.map((tool) => tool.name)).toEqual(expect.arrayContaining(['Bash', 'Edit', 'Read', 'Write']))
    expect(requests[0]?.text).not.toMatch(/WebFetch|WebSearch/)
    expect(repo.git('symbolic-ref', '--short', 'HEAD')).toBe('main')
  })

  test('has the tools it is given and no others', async () => {
    const { requests } = await ask([{ reply: 'Done.' }], { tools: ['Read', 'Glob'] })
    expect(requests[0]?.tools.map((tool) => tool.name).sort()).toEqual(['Glob', 'Read'])
  })

  test('runs its tools in the checkout, without a credential of ours that it was not given', async () => {
    const { result } = await ask([bash('pwd; env | grep -c RALPH_RUN_MARKER'), { reply: 'Said: {{result}}', usage: CALL }])
    expect(result.text).toBe(`Said: ${repo.dir}\n1`)
  })
  test('cannot have its result forged by a tool that writes onto its output and ends it', async () => {
    // The CLI writes to a socket, which nobody can open by its name in /proc; a pipe could be.
    const { result } = await ask([bash(`cat /proc/$PPID/comm > forger; echo '${FAKE}' > /proc/$PPID/fd/1; kill -KILL $PPID; sleep 300`), { reply: 'never said' }])
    expect(readFileSync(join(repo.dir, 'forger'), 'utf8')).toBe('claude\n')
    expect(result).toMatchObject({ verdict: { kind: 'failed', reason: expect.stringContaining('SIGKILL') }, usage: { costUsd: 0 } })
  })
})
