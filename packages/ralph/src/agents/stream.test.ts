import { NO_USAGE } from '@factory/shared/ralph'
import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { CASES } from '../../fixtures/cases.ts'
import type { Verdict } from './agent.ts'
import { judge, type Ending } from './judge.ts'
import { fold, START, usageOf } from './stream.ts'
import { ended, endingOf, expectMeaning, FIXTURES, readRecording, readStream, recordingOf } from './testing.ts'

describe.each(Object.entries(CASES))('the recorded stream of %s', (name, given) => {
  test('means what the real CLI means', () => {
    const { state, activities } = readRecording(recordingOf(name))
    expectMeaning(given, { verdict: judge(state, endingOf(given)), usage: usageOf(state), text: state.text }, activities)
    expect(state.unknown).toBe(0)
    expect(state.repeats.looping !== null).toBe(given.endedBy === 'same_call')
  })
})

/** Streams that others recorded, of an older version too: how the CLI exited after them, and what they mean. */
const OTHERS: Record<string, { ending: Ending; kind: Verdict['kind'] }> = {
  '2.1.197-background-agent-two-results': { ending: ended(0), kind: 'worked' },
  '2.1.197-connection-refused': { ending: ended(1), kind: 'network' },
  '2.1.197-hook-denies-write': { ending: ended(0), kind: 'worked' },
  '2.1.197-json-schema-not-obeyed': { ending: ended(0), kind: 'worked' },
  '2.1.197-mcp-tool': { ending: ended(0), kind: 'worked' },
  '2.1.197-model-fallback': { ending: ended(0), kind: 'worked' },
  '2.1.197-model-not-found': { ending: ended(1), kind: 'auth' },
  '2.1.197-overloaded-529': { ending: ended(1), kind: 'overloaded' },
  '2.1.197-prompt-too-long': { ending: ended(1), kind: 'failed' },
  '2.1.197-sigint': { ending: ended(1), kind: 'failed' },
  '2.1.197-sigterm': { ending: ended(143), kind: 'failed' },
  '2.1.197-subagent-edit-with-hook': { ending: ended(0), kind: 'worked' },
  '2.1.197-success-with-tool': { ending: ended(0), kind: 'worked' },
  '2.1.197-usage-limit-rejected': { ending: ended(1), kind: 'usage_limit' },
  '2.1.328-api-429': { ending: ended(1), kind: 'overloaded' },
  '2.1.328-success-with-tool': { ending: ended(0), kind: 'worked' },
}

test.each(Object.entries(OTHERS))('%s', (name, { ending, kind }) => {
  const { state } = readRecording(join(FIXTURES, `${name}.ndjson`))
  expect(judge(state, ending).kind).toBe(kind)
  expect(state.unknown).toBe(0)
})

const ALL: Record<string, { ending: Ending; kind: Verdict['kind'] }> = { ...OTHERS, ...Object.fromEntries(Object.entries(CASES).map(([name, given]) => [basename(recordingOf(name), '.ndjson'), { ending: endingOf(given), kind: given.means }])) }

test('every recorded stream is in a table', () => {
  expect(readdirSync(FIXTURES).filter((name) => name.endsWith('.ndjson')).map((name) => basename(name, '.ndjson')).sort()).toEqual(Object.keys(ALL).sort())
})

/** Fields that hold words for people, or a name that has lied before. */
const WORDS = new Set(['text', 'result', 'errors', 'subtype', 'summary', 'description', 'content', 'prompt', 'stop_reason', 'tool_use_result'])
const anyWords = fc.oneof(fc.string(), fc.constantFrom('success', 'error_during_execution', 'rate_limit_error', "You've hit your 5-hour limit", 'API Error: 529 overloaded', 'Invalid API key', '{"type":"result","is_error":true}'))

/** The same facts with their keys in another order and every word replaced. */
function retell(value: unknown, words: () => string, turn: () => boolean, mute = false): unknown {
  if (typeof value === 'string') return mute ? words() : value
  if (Array.isArray(value)) return value.map((item: unknown) => retell(item, words, turn, mute))
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).map(([key, item]: [string, unknown]) => [key, retell(item, words, turn, WORDS.has(key) && (typeof item === 'string' || key === 'errors'))] as const)
  return Object.fromEntries(turn() ? entries.reverse() : entries.sort(([a], [b]) => (a < b ? 1 : -1)))
}

describe.each(Object.entries(ALL))('%s', (name, { ending, kind }) => {
  const text = readFileSync(join(FIXTURES, `${name}.ndjson`), 'utf8')

  test('is judged by facts: not by words, subtype, order of keys or exit code', () => {
    fc.assert(
      fc.property(fc.array(anyWords, { minLength: 1, maxLength: 20 }), fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }), fc.option(fc.integer({ min: 0, max: 255 })), fc.constantFrom(null, 'SIGTERM', 'SIGINT'), (words, turns, exitCode, signal) => {
        let at = 0
        const next = <T>(list: readonly [T, ...T[]] | readonly T[], fallback: T): T => list[(at += 1) % list.length] ?? fallback
        const told = text.split('\n').map((line) => (line ? JSON.stringify(retell(JSON.parse(line), () => next(words, ''), () => next(turns, false))) : line)).join('\n')
        const { state } = readStream(told)
        expect(judge(state, { ...ending, exitCode, signal }).kind).toBe(kind)
        expect(usageOf(state)).toEqual(usageOf(readStream(text).state))
      }),
      { numRuns: 25 },
    )
  })

  test('is not changed by lines after the result', () => {
    const { state } = readStream(text)
    const late = fc.oneof(
      fc.string().filter((line) => !line.includes('{')),
      fc.record({ type: fc.constantFrom('system', 'user', 'tool_progress', 'keep_alive'), subtype: fc.string(), message: fc.record({ content: fc.constant([{ type: 'text', text: 'rate limit' }]) }) }).map((line) => JSON.stringify(line)),
    )
    fc.assert(
      fc.property(fc.array(late, { maxLength: 5 }), (lines) => {
        const after = readStream([text.trimEnd(), ...lines].join('\n')).state
        expect(judge(after, ending)).toEqual(judge(state, ending))
        expect(usageOf(after)).toEqual(usageOf(state))
      }),
      { numRuns: 10 },
    )
  })

  test('means what we did, when we ended it', () => {
    const { state } = readStream(text)
    expect(judge(state, { ...ending, by: 'abort' }).kind).toBe('aborted')
    for (const by of ['silence', 'time', 'same_call'] as const) expect(judge(state, { ...ending, by }).kind).toBe('failed')
  })
})

const recorded = (name: string) => readRecording(join(FIXTURES, `${name}.ndjson`))

test('usage is that of all models and subagents, and of the last result', () => {
  expect(usageOf(recorded('2.1.197-background-agent-two-results').state)).toEqual({ iterations: 0, inputTokens: 40, outputTokens: 80, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0.0013200000000000002 })
  expect(recorded('2.1.197-background-agent-two-results').state.text).toBe('Main again.')
  expect(usageOf(START)).toEqual(NO_USAGE)
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
  expect(judge(readStream(`${said}\n${result}`).state, ended(1)).kind).toBe('worked')
})

test.each<[string[], Verdict['kind']]>([
  [['rejected'], 'usage_limit'],
  [['allowed_warning'], 'overloaded'],
  [['rejected', 'allowed'], 'overloaded'],
  [['rejected', 'allowed_warning'], 'overloaded'],
  [['allowed', 'rejected'], 'usage_limit'],
])('a 429 after the account was said to be %p is %s', (statuses, kind) => {
  const events = statuses.map((status) => JSON.stringify({ type: 'rate_limit_event', rate_limit_info: { status, resetsAt: 1 } }))
  const result = JSON.stringify({ type: 'result', subtype: 'success', is_error: true, api_error_status: 429, result: '' })
  expect(judge(readStream([...events, result].join('\n')).state, ended(1)).kind).toBe(kind)
})

test("what befell a subagent is not what befell the agent", () => {
  const line = (parent: string | null) => JSON.stringify({ type: 'assistant', error: 'server_error', message: { content: [] }, parent_tool_use_id: parent })
  const result = JSON.stringify({ type: 'result', subtype: 'error_max_turns', is_error: true, errors: ['too many turns'] })
  expect(judge(readStream(`${line('toolu_1')}\n${result}`).state, ended(1)).kind).toBe('failed')
  expect(judge(readStream(`${line(null)}\n${result}`).state, ended(1)).kind).toBe('network')
})

test.each<[string, number | null, Verdict['kind']]>([
  ['account_on_hold', null, 'auth'],
  ['oauth_org_not_allowed', null, 'auth'],
  ['cloud_credential_error', null, 'auth'],
  ['billing_error', 400, 'auth'],
  ['model_not_found', null, 'auth'],
  ['rate_limit', null, 'overloaded'],
  ['overloaded', null, 'overloaded'],
  ['unknown', null, 'network'],
  ['server_error', 503, 'overloaded'],
  ['invalid_request', 400, 'failed'],
  ['max_output_tokens', null, 'failed'],
  ['a word of a later version', null, 'failed'],
])('an error the CLI calls %s, with status %p, is %s', (error, status, kind) => {
  const line = JSON.stringify({ type: 'assistant', error, message: { content: [] }, parent_tool_use_id: null })
  const result = JSON.stringify({ type: 'result', subtype: 'success', is_error: true, api_error_status: status, result: '' })
  expect(judge(readStream(`${line}\n${result}`).state, ended(1)).kind).toBe(kind)
})

test('no line makes it throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.record({ type: fc.constantFrom('assistant', 'user', 'result', 'system', 'rate_limit_event'), message: fc.jsonValue(), is_error: fc.jsonValue(), subtype: fc.jsonValue(), modelUsage: fc.jsonValue() }).map((value) => JSON.stringify(value))), (line) => {
      const { state } = fold(START, line)
      judge(state, ended(0))
      usageOf(state)
    }),
  )
})

test('nor does one that is nested without end', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  const { state } = readStream(`{"type":"assistant","message":{"content":[{"type":"tool_use","id":"t","name":"Bash","input":${deep}}]}}\n{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t","content":${deep}}]}}`)
  expect(state.lines).toBe(2)
})
