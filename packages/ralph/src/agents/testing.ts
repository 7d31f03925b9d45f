import { expect } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CALL, USD, type Case } from '../../fixtures/cases.ts'
import type { Activity, AgentResult } from './agent.ts'
import type { Ending } from './judge.ts'
import { fold, START, type StreamState } from './stream.ts'

/** For tests of what a stream means: recorded ones, and what a row of the truth table promises. */
export const FIXTURES = join(import.meta.dir, '../../fixtures')

/** Where the stream of a row of the table is kept, recorded from the version we pin. */
export const recordingOf = (name: string): string => join(FIXTURES, `2.1.328-${name}.ndjson`)

/** Folds a whole stream. */
export function readStream(text: string): { state: StreamState; activities: Activity[] } {
  const activities: Activity[] = []
  let state = START
  for (const line of text.split('\n')) {
    const folded = fold(state, line)
    state = folded.state
    activities.push(...folded.activities)
  }
  return { state, activities }
}

export const readRecording = (file: string) => readStream(readFileSync(file, 'utf8'))

export const ended = (exitCode: number | null, by: Ending['by'] = 'itself'): Ending => ({ by, exitCode, signal: null, stderr: '' })

/** How a row's execution ends, as far as we have a hand in it. */
export function endingOf(given: Case, exitCode = 1): Ending {
  if (given.endedBy) return ended(exitCode, given.endedBy)
  if (given.onTool === 'abort') return ended(exitCode, 'abort')
  return ended(exitCode, given.program === 'stays' ? 'lingering' : 'itself')
}

/** What holds for a row, whether the real CLI said it just now or a recording does. */
export function expectMeaning(given: Case, { verdict, usage, text }: Omit<AgentResult, 'endedBy'>, activities: readonly Activity[]): void {
  const inputTokens = (given.calls + (given.brokenOff ? 1 : 0)) * CALL.input
  const outputTokens = given.calls * CALL.output + (given.brokenOff ?? 0)
  expect(verdict).toMatchObject({ kind: given.means, ...(given.until === undefined ? {} : { until: given.until }) })
  expect(usage).toMatchObject({ iterations: 0, inputTokens })
  if (given.totals === 'no' || (given.totals === 'maybe' && usage.costUsd === 0)) expect(usage).toMatchObject({ outputTokens: given.calls, costUsd: 0 })
  else {
    expect(usage.outputTokens).toBe(outputTokens)
    expect(usage.costUsd).toBeCloseTo(inputTokens * USD.input + outputTokens * USD.output, 6)
  }
  if (given.text !== undefined) expect(text).toBe(given.text)
  const told = activities.map(({ kind, summary, parent }) => ({ kind, summary, parent: parent === null ? undefined : 'a subagent' }))
  for (const want of given.tells ?? []) expect(told.some(({ kind, summary, parent }) => kind === want.kind && parent === want.parent && summary.includes(want.summary))).toBe(true)
}
