import { describe, expect, test } from 'bun:test'
import { NO_USAGE, RALPH_EXIT, type RalphEvent, type VerifyReport } from '@factory/shared'
import { fold, startStory } from './fold.ts'
import { judge, type RalphEnd } from './judge.ts'

const at = (seq: number) => ({ v: 1 as const, seq, ts: '2026-01-01T00:00:00.000Z', run: '7' })
const report: VerifyReport = { baseSha: 'a'.repeat(40), headSha: 'b'.repeat(40), base: [], head: [], findings: [], diff: { files: 1, insertions: 1, deletions: 0 }, passed: false, reason: 'one check fails' }
const finished = (exitCode: number, more: Partial<Extract<RalphEvent, { event: 'run.finished' }>> = {}): RalphEvent => ({ ...at(9), event: 'run.finished', exitCode, reason: 'because', until: null, headSha: null, usage: NO_USAGE, report: null, ...more })
const ended = (exitCode: number | null, more: Partial<RalphEnd> = {}, event: RalphEvent | null = exitCode === null ? null : finished(exitCode)): RalphEnd => ({
  kind: 'build',
  exitCode,
  story: event ? fold(startStory(5), event) : startStory(5),
  spec: '# Spec',
  stuck: null,
  question: null,
  stderr: '',
  ...more,
})

describe('judge', () => {
  test.each([
    [RALPH_EXIT.limit, 'fail', 'limit_reached'],
    [RALPH_EXIT.paused, 'pause', 'usage_limit'],
    [RALPH_EXIT.auth, 'fail', 'auth'],
    [RALPH_EXIT.badSpec, 'fail', 'bad_spec'],
    [RALPH_EXIT.baseUnverifiable, 'fail', 'base_unverifiable'],
    [RALPH_EXIT.lockConflict, 'pause', 'lock_conflict'],
    [RALPH_EXIT.internal, 'fail', 'internal'],
    [RALPH_EXIT.usage, 'fail', 'internal'],
    [RALPH_EXIT.interrupted, 'fail', 'cancelled'],
    [RALPH_EXIT.terminated, 'fail', 'cancelled'],
    [99, 'fail', 'internal'],
  ])('exit %d is %s: %s, for every kind of run', (exit, call, code) => {
    for (const kind of ['build', 'spec', 'verify'] as const) expect(judge(ended(exit, { kind }))).toMatchObject({ call, body: { outcome: { code, message: 'because' } } })
  })

  test('a failed build keeps the report of what failed', () => {
    expect(judge(ended(11, {}, finished(11, { report })))).toMatchObject({ call: 'fail', body: { report } })
  })

  test('stuck takes its words from the first source that has some', () => {
    const stuck: RalphEvent = { ...at(8), event: 'stuck.detected', rule: 'no_progress', facts: ['three times the same tree'] }
    const story = fold(fold(startStory(5), stuck), finished(10))
    const words = (more: Partial<RalphEnd>) => {
      const ending = judge({ ...ended(10), story, ...more })
      return ending.call === 'stuck' ? ending.body.report : null
    }
    expect(words({ stuck: 'the agent wrote this', question: 'not asked' })).toBe('the agent wrote this')
    expect(words({ stuck: ' \n' })).toBe('no_progress\nthree times the same tree')
    expect(words({ story: fold(startStory(5), finished(10)) })).toBe('because')
    expect(words({ kind: 'spec', question: 'Which language?', stuck: 'x' })).toBe('Which language?')
  })

  test('a signal, and an end without run.finished, is a crash whatever the exit code', () => {
    expect(judge(ended(null))).toMatchObject({ call: 'fail', body: { outcome: { code: 'internal', message: 'ralph was ended by a signal without saying how the run went' } } })
    expect(judge(ended(0, { stderr: 'out of memory' }, null))).toMatchObject({ body: { outcome: { message: 'ralph ended with exit code 0 without saying how the run went: out of memory' } } })
  })

  test('a verify run without a report and a build without its SPEC.md are not complete', () => {
    expect(judge(ended(0, { kind: 'verify' }))).toMatchObject({ call: 'fail', body: { outcome: { code: 'internal' } } })
    expect(judge(ended(0, { spec: null }))).toMatchObject({ call: 'fail', body: { outcome: { code: 'internal' } } })
  })

  test('a verify run that measured is complete, passed or not', () => {
    expect(judge(ended(10, { kind: 'verify' }, finished(10, { report })))).toEqual({ call: 'complete', body: { report, summary: 'one check fails' } })
  })
})

describe('fold', () => {
  test('counts tasks and sums usage; a larger total of ralph\'s own wins', () => {
    const task = { id: 'a', text: 'A' }
    const usage = { ...NO_USAGE, iterations: 1, costUsd: 0.5 }
    const events: RalphEvent[] = [
      { ...at(1), event: 'run.started', mode: 'run', baseSha: null, tasks: [{ ...task, done: false }, { id: 'b', text: 'B', done: true }], verify: [], model: null, maxIterations: 5, resumed: false },
      { ...at(2), event: 'task.completed', task, verified: true },
      { ...at(3), event: 'iteration.finished', iteration: 1, durationMs: 1, isError: false, endedBy: null, commit: 'c1', tree: 't', usage, text: 'hi' },
      { ...at(4), event: 'task.reopened', task, reason: 'red', rule: 'checks' },
      { ...at(5), event: 'iteration.finished', iteration: 2, durationMs: 1, isError: true, endedBy: null, commit: null, tree: 't', usage, text: null },
    ]
    const story = events.reduce(fold, startStory(5))
    expect(story).toMatchObject({ commit: 'c1', said: ['hi'], usage: { iterations: 2, costUsd: 1 }, progress: { tasksDone: 1, tasksTotal: 2 } })
    expect([...story.done]).toEqual(['b'])
    expect(fold(story, finished(11, { usage: { ...usage, iterations: 2, costUsd: 1.25 } })).usage).toMatchObject({ iterations: 2, costUsd: 1.25 })
  })
})
