import { NO_USAGE } from '@factory/shared'
import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRunning, until } from '../testing.ts'
import type { Agent, AgentTask } from './agent.ts'
import { claudeAgent } from './claude.ts'
import { scriptedAgent } from './scripted.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

const made: string[] = []
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true })
})
const folder = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'ralph-agent-'))
  made.push(dir)
  return dir
}

/** A program in the place of claude, for what the real one cannot be made to do. */
function program(script: string): string {
  const path = join(folder(), 'claude')
  writeFileSync(path, `#!/bin/sh\ncat > /dev/null\n${script}\n`)
  chmodSync(path, 0o755)
  return path
}
const RESULT = '{"type":"result","subtype":"success","is_error":false,"result":"fine","modelUsage":{"m":{"inputTokens":3,"outputTokens":2,"costUSD":0.5}}}'
const task = (more: Partial<AgentTask> = {}): AgentTask => ({ dir: tmpdir(), prompt: 'p', rules: 'r', model: null, maxCostUsd: 1, limitMs: 20_000, tools: null, beforeEdit: null, signal: new AbortController().signal, onActivity: () => undefined, ...more })
const env = { PATH: process.env.PATH ?? '/usr/bin:/bin' }

/** The promises of the port that can be asked of any agent. */
const AGENTS: Record<string, { works: () => Agent; slow: () => Agent }> = {
  claude: { works: () => claudeAgent({ bin: program(`echo '${RESULT}'`), env }), slow: () => claudeAgent({ bin: program('sleep 60'), env, graceMs: 100 }) },
  scripted: {
    works: () => scriptedAgent([() => ({ usage: { ...NO_USAGE, costUsd: 0.5 } })]),
    slow: () => scriptedAgent([({ signal }) => new Promise((resolve) => (signal.aborted ? resolve({}) : signal.addEventListener('abort', () => resolve({}))))]),
  },
}
describe.each(Object.entries(AGENTS))('agent port: %s', (_name, { works, slow }) => {
  test('resolves with a verdict and what it used', async () => {
    expect(await works().run(task())).toMatchObject({ verdict: { kind: 'worked' }, usage: { costUsd: 0.5 } })
  })
  test('ends when it is told to', async () => {
    const stop = new AbortController()
    const running = slow().run(task({ signal: stop.signal }))
    stop.abort('SIGTERM')
    expect((await running).verdict.kind).toBe('aborted')
    expect((await slow().run(task({ signal: stop.signal }))).verdict.kind).toBe('aborted')
  })
})

describe('claude as a program', () => {
  test('one that cannot be started is a failure, not an exception', async () => {
    expect((await claudeAgent({ bin: '/nonexistent/claude', env }).run(task())).verdict).toMatchObject({ kind: 'failed' })
  })

  test('one that is silent, too slow, or does not exit is ended, and all that it started', async () => {
    const pidFile = join(folder(), 'pid')
    const escape = `setsid sleep 60 & echo $! > ${pidFile}; trap '' INT`
    const run = (script: string, options: object, more: Partial<AgentTask> = {}) => claudeAgent({ bin: program(script), env, graceMs: 100, ...options }).run(task(more))
    expect((await run(`${escape}; sleep 60`, { silentMs: 150 })).verdict).toMatchObject({ kind: 'failed', reason: expect.stringContaining('silent') })
    await until(() => !isRunning(Number(readFileSync(pidFile, 'utf8'))))
    expect((await run('sleep 60', {}, { limitMs: 150 })).verdict).toMatchObject({ kind: 'failed', reason: expect.stringContaining('longer than allowed') })
    expect((await run(`echo '${RESULT}'; sleep 60`, { lingerMs: 150 })).verdict).toEqual({ kind: 'worked' })
  })

  test('a running tool may be silent', async () => {
    const call = '{"type":"assistant","parent_tool_use_id":null,"message":{"content":[{"type":"tool_use","id":"t1","name":"Bash","input":{"command":"make"}}]}}'
    expect((await claudeAgent({ bin: program(`echo '${call}'; sleep 0.6; echo '${RESULT}'`), env, silentMs: 150 }).run(task())).verdict).toEqual({ kind: 'worked' })
  })

  test('half a line, garbage and lines after the result are survived', async () => {
    const result = await claudeAgent({ bin: program(`echo garbage; echo '${RESULT}'; echo '{"type":"system","subtype":"late"}'; printf '{"type":"res'; echo oops >&2; exit 7`), env }).run(task())
    expect(result).toMatchObject({ verdict: { kind: 'worked' }, text: 'fine' })
  })

  test('a crash says what was on standard error', async () => {
    expect((await claudeAgent({ bin: program('echo "no such flag" >&2; exit 3'), env }).run(task())).verdict).toEqual({ kind: 'failed', reason: 'the agent exited with 3 without a result: no such flag' })
  })

  test('gets the flags, a HOME of its own that is gone afterwards, and nothing else of ours', async () => {
    const out = join(folder(), 'seen')
    await claudeAgent({ bin: program(`{ env; echo "$@"; } > ${out}; echo '${RESULT}'`), env }).run(task({ model: 'm1', maxCostUsd: 2.5, tools: ['Read', 'Write'] }))
    const seen = readFileSync(out, 'utf8')
    expect(seen).toContain('--setting-sources  --strict-mcp-config')
    expect(seen).toContain('--model m1')
    expect(seen).toContain('--max-budget-usd 2.5000 --tools Read,Write')
    expect([...seen.matchAll(/^(\w+)=/gm)].map((match) => match[1]).filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name ?? '')).sort()).toEqual(['HOME', 'PATH', 'RALPH_EDITS', 'RALPH_RUN_MARKER'])
    expect(existsSync(/^HOME=(.*)$/m.exec(seen)?.[1] ?? '')).toBe(false)
  })
})
