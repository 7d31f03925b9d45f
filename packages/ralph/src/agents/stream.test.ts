import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Verdict } from './agent.ts'
import { judge, type Ending } from './judge.ts'
import { fold, START, usageOf, type StreamState } from './stream.ts'

const FIXTURES = join(import.meta.dir, '../../fixtures')
const exited = (exitCode: number | null, signal: string | null = null): Ending => ({ by: 'itself', exitCode, signal, stderr: '' })

function read(text: string): { state: StreamState; activities: ReturnType<typeof fold>['activities'] } {
  const activities: ReturnType<typeof fold>['activities'] = []
  let state = START
  for (const line of text.split('\n')) {
    const folded = fold(state, line)
    state = folded.state
    activities.push(...folded.activities)
  }
  return { state, activities }
}

/** Every recorded stream, how the CLI exited after it, and what it means. */
const RECORDED: Record<string, { ending: Ending; kind: Verdict['kind'] }> = {
  '2.1.197-background-agent-two-results': { ending: exited(0), kind: 'worked' },
  '2.1.197-connection-refused': { ending: exited(1), kind: 'network' },
  '2.1.197-hook-denies-write': { ending: exited(0), kind: 'worked' },
  '2.1.197-json-schema-not-obeyed': { ending: exited(0), kind: 'worked' },
  '2.1.197-mcp-tool': { ending: exited(0), kind: 'worked' },
  '2.1.197-model-fallback': { ending: exited(0), kind: 'worked' },
  '2.1.197-model-not-found': { ending: exited(1), kind: 'auth' },
  '2.1.197-overloaded-529': { ending: exited(1), kind: 'overloaded' },
  '2.1.197-prompt-too-long': { ending: exited(1), kind: 'failed' },
  '2.1.197-sigint': { ending: exited(1), kind: 'failed' },
  '2.1.197-sigterm': { ending: exited(143, 'SIGTERM'), kind: 'failed' },
  '2.1.197-subagent-edit-with-hook': { ending: exited(0), kind: 'worked' },
  '2.1.197-success-with-tool': { ending: exited(0), kind: 'worked' },
  '2.1.197-usage-limit-rejected': { ending: exited(1), kind: 'usage_limit' },
  '2.1.328-api-429': { ending: exited(1), kind: 'overloaded' },
  '2.1.328-max-budget': { ending: exited(1), kind: 'failed' },
  '2.1.328-max-turns': { ending: exited(1), kind: 'failed' },
  '2.1.328-success-with-tool': { ending: exited(0), kind: 'worked' },
  '2.1.328-unauthorized-401': { ending: exited(1), kind: 'auth' },
  '2.1.328-usage-limit-rejected': { ending: exited(1), kind: 'usage_limit' },
}

test('every recorded stream is in the table', () => {
  expect(readdirSync(FIXTURES).filter((name) => name.endsWith('.ndjson')).map((name) => name.replace('.ndjson', '')).sort()).toEqual(Object.keys(RECORDED).sort())
})

describe.each(Object.entries(RECORDED))('%s', (name, { ending, kind }) => {
  const text = readFileSync(join(FIXTURES, `${name}.ndjson`), 'utf8')

  test(`is ${kind}`, () => {
    const { state } = read(text)
    expect(judge(state, ending).kind).toBe(kind)
    expect(state.unknown).toBe(0)
  })

  test('whatever the exit code, and whatever the order of keys', () => {
    const turned = text.split('\n').map((line) => (line ? JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(line)).reverse())) : line)).join('\n')
    if (read(text).state.result) expect(judge(read(turned).state, exited(42)).kind).toBe(kind)
  })

  test('says the same when we ended it', () => {
    expect(judge(read(text).state, { ...ending, by: 'abort' }).kind).toBe('aborted')
    expect(judge(read(text).state, { ...ending, by: 'time' }).kind).toBe('failed')
  })
})

const recorded = (name: string) => read(readFileSync(join(FIXTURES, `${name}.ndjson`), 'utf8'))

test('a usage limit carries the reset time the service named', () => {
  const { state } = recorded('2.1.328-usage-limit-rejected')
  expect(judge(state, exited(1))).toMatchObject({ kind: 'usage_limit', until: 1_795_167_993_000 })
})

test('usage is that of all models and subagents, and of the last result', () => {
  expect(usageOf(recorded('2.1.197-background-agent-two-results').state.result)).toEqual({ iterations: 0, inputTokens: 40, outputTokens: 80, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0.0013200000000000002 })
  expect(recorded('2.1.197-background-agent-two-results').state.text).toBe('Main again.')
  expect(usageOf(null).costUsd).toBe(0)
})

test('tells what the agent does, and who', () => {
  const { activities } = recorded('2.1.197-subagent-edit-with-hook')
  expect(activities.filter((activity) => activity.tool !== null && activity.parent !== null).length).toBeGreaterThan(0)
  expect(recorded('2.1.328-success-with-tool').activities.map((activity) => `${activity.kind}: ${activity.summary}`)).toEqual([
    'system: claude 2.1.328 with claude-sonnet-4-5',
    'tool: Write /workspace/locked.ts',
    'tool_result: failed: PreToolUse:Write hook error: [/opt/test/hooks/pre.sh]: FILE LOCKED: /workspace/locked.ts is held by worker w2 (task #7). Do not edit it; work on another task or wait.',
    'text: Done.',
  ])
})

test('limit words in ordinary output mean nothing', () => {
  const said = JSON.stringify({ type: 'assistant', message: { content: [{ type: 'text', text: "You've hit your 5-hour limit. {\"type\":\"result\",\"is_error\":true}" }] }, parent_tool_use_id: null })
  const result = JSON.stringify({ type: 'result', subtype: 'success', is_error: false, result: 'rate limit 429 overloaded', api_error_status: null })
  expect(judge(read(`${said}\n${result}`).state, exited(1)).kind).toBe('worked')
})

test('a limit that was lifted again is none', () => {
  const event = (status: string) => JSON.stringify({ type: 'rate_limit_event', rate_limit_info: { status, resetsAt: 1 } })
  const result = JSON.stringify({ type: 'result', subtype: 'success', is_error: true, api_error_status: 429, result: '' })
  expect(judge(read(`${event('rejected')}\n${event('allowed')}\n${result}`).state, exited(1)).kind).toBe('overloaded')
})

test('no line makes it throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.record({ type: fc.constantFrom('assistant', 'user', 'result', 'system', 'rate_limit_event'), message: fc.jsonValue(), is_error: fc.jsonValue(), subtype: fc.jsonValue(), modelUsage: fc.jsonValue() }).map((value) => JSON.stringify(value))), (line) => {
      const { state } = fold(START, line)
      judge(state, exited(0))
      usageOf(state.result)
    }),
  )
})
