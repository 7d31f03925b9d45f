import { defineScript, startModel, type Model } from '@factory/rehearsal'
import { describeWith, need } from '@factory/rehearsal/testing'
import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Rules } from '../../fixtures/cases.ts'
import { readEnvironment } from '../config.ts'
import { isRunning, until } from '../testing.ts'
import type { Agent, AgentTask } from './agent.ts'
import { chooseAgent } from './choose.ts'
import { claudeAgent } from './claude.ts'
import { scriptedAgent, type Step } from './scripted.ts'

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

type Made = { works: () => Promise<Agent>; slow: () => Promise<Agent>; breaks: () => Promise<Agent> }

/** The promises of the port, asked of any agent. */
function keepsThePromise({ works, slow, breaks }: Made): void {
  test('resolves with a verdict, what it used and its last words', async () => {
    const { verdict, usage, endedBy, text } = await (await works()).run(task())
    expect({ verdict, endedBy, text, iterations: usage.iterations }).toEqual({ verdict: { kind: 'worked' }, endedBy: null, text: 'fine', iterations: 0 })
    expect(usage.costUsd).toBeGreaterThan(0)
  })
  test('ends when it is told to, also when it was told before it began', async () => {
    const stop = new AbortController()
    const running = (await slow()).run(task({ signal: stop.signal }))
    stop.abort('SIGTERM')
    expect(await running).toMatchObject({ verdict: { kind: 'aborted' }, endedBy: null })
    expect((await (await slow()).run(task({ signal: stop.signal }))).verdict.kind).toBe('aborted')
  })
  test('ends at its limit of time', async () => {
    expect(await (await slow()).run(task({ limitMs: 200 }))).toMatchObject({ verdict: { kind: 'failed' }, endedBy: 'time' })
  })
  test('resolves also when it breaks', async () => {
    expect((await (await breaks()).run(task())).verdict.kind).toBe('failed')
  })
}

describe('agent port: scripted', () => {
  const always = (step: Step) => async () => scriptedAgent([step])
  keepsThePromise({
    works: always(() => ({ text: 'fine' })),
    slow: always(({ signal }) => new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())))),
    breaks: always(() => {
      throw new Error('broken')
    }),
  })
})

describe('agent port: claude, with programs in its place', () => {
  const running = (script: string) => async () => claudeAgent({ bin: program(script), env, graceMs: 100 })
  keepsThePromise({ works: running(`echo '${RESULT}'`), slow: running('sleep 60'), breaks: running('exit 3') })
})

describeWith(['claude'], 'agent port: claude itself', () => {
  let model: Model
  afterEach(() => model.stop())
  const on = (rules: Rules) => async () => {
    model = await startModel({ scripts: [defineScript({ rules })] })
    return claudeAgent({ bin: need('claude'), env: readEnvironment({ ...env, ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'made-up', IS_SANDBOX: '1' }).agent, graceMs: 1000 })
  }
  keepsThePromise({ works: on([{ reply: 'fine' }]), slow: on([{ reply: 'late', delay: 600_000 }]), breaks: on([{ fault: 'prompt_too_long' }]) })
})

describe('the choice of an agent', () => {
  const environment = readEnvironment(env)
  test('is by name, with its program where that was given', () => {
    const chosen = chooseAgent('claude', { bin: program('true'), environment, mcpConfig: null })
    expect(chosen).toMatchObject({ name: 'claude' })
  })
  test('says in words why it cannot be had', () => {
    expect(chooseAgent('claude', { bin: '/nonexistent/claude', environment, mcpConfig: null })).toEqual({ problem: expect.stringContaining('/nonexistent/claude') })
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
    expect([...seen.matchAll(/^(\w+)=/gm)].map((match) => match[1]).filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name ?? '')).sort()).toEqual(['CLAUDE_CODE_TMPDIR', 'HOME', 'PATH', 'RALPH_EDITS', 'RALPH_RUN_MARKER'])
    expect(existsSync(/^HOME=(.*)$/m.exec(seen)?.[1] ?? '')).toBe(false)
  })
})
