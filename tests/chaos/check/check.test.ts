import { describe, expect, test } from 'bun:test'
import { check } from './check.ts'
import type { EventRow, Facts, ItemRow } from './facts.ts'

const HEAD = 'b'.repeat(40)
const AT = '2026-01-01T00:00:00.000Z'

/** One item that went its way: built by run 1, verified by run 2, published as #5. */
function whole(): Facts {
  const row: ItemRow = { id: 1, source_id: 'chaos#1', repo: 'chaos/repo-0', status: 'completed', attempts: 0, pull_number: 5, evidence: { headSha: HEAD }, updated_at: '2026-01-01T00:00:00+00:00', parked: true }
  const event = (seq: number, type: string, rest: Partial<EventRow> = {}): EventRow => ({ seq, type, item_id: 1, run_id: null, data: {}, patch: null, ...rest })
  const run = { item_id: 1, status: 'succeeded', iterations: 1, iterations_granted: 2, cleaned_at: AT, outcome: null, log_tail: null, worker: 'w' }
  const { parked: _parked, ...told } = row
  return {
    limits: { workers: 1, workersPerRepo: 1, dailyIterations: 10 },
    asked: [{ sourceId: 'chaos#1', repo: 'chaos/repo-0' }],
    items: [row],
    runs: [
      { ...run, id: 1, kind: 'build', token: 11, head_sha: HEAD },
      { ...run, id: 2, kind: 'verify', token: 12, head_sha: null },
    ],
    events: [
      event(1, 'work.created', { patch: { ...told, status: 'queued', evidence: null, pull_number: null } }),
      event(2, 'run.admitted', { run_id: 1, patch: { status: 'in_progress' } }),
      event(3, 'run.registered', { run_id: 1 }),
      event(4, 'run.finished', { run_id: 1, data: { status: 'succeeded' } }),
      event(5, 'work.status', { patch: { status: 'verifying' } }),
      event(6, 'run.admitted', { run_id: 2, patch: {} }),
      event(7, 'run.registered', { run_id: 2 }),
      event(8, 'run.finished', { run_id: 2, data: { status: 'succeeded' } }),
      event(9, 'work.status', { patch: { status: 'publishing', evidence: { headSha: HEAD } } }),
      event(10, 'work.status', { patch: { status: 'completed', pull_number: 5, updated_at: AT } }),
    ],
    effects: [{ item_id: 1, status: 'done', payload: { branch: 'factory/1-x', headSha: HEAD } }],
    iterationsUsed: 2,
    pulls: [{ repo: 'chaos/repo-0', number: 5, head: 'factory/1-x', headSha: HEAD, state: 'open' }],
    journal: [
      { itemId: 1, token: 11, what: 'began' },
      { itemId: 1, token: 12, what: 'began' },
    ],
    left: { locks: [], mirroredLocks: [], processes: [], directories: [], containers: [] },
  }
}

const withItem = (facts: Facts, change: Partial<ItemRow>): Facts => ({ ...facts, items: facts.items.map((item) => Object.assign({}, item, change)) })
const withEvent = (facts: Facts, seq: number, change: Partial<EventRow>): Facts => ({ ...facts, events: facts.events.map((event) => (event.seq === seq ? { ...event, ...change } : event)) })
const withRun = (facts: Facts, id: number, change: Partial<Facts['runs'][number]>): Facts => ({ ...facts, runs: facts.runs.map((run) => (run.id === id ? { ...run, ...change } : run)) })
const withPull = (facts: Facts, change: Partial<Facts['pulls'][number]>): Facts => ({ ...facts, pulls: facts.pulls.map((pull) => ({ ...pull, ...change })) })
const doubled = (facts: Facts): Facts => ({ ...facts, pulls: [...facts.pulls, { repo: 'chaos/repo-0', number: 6, head: 'factory/1-y', headSha: HEAD, state: 'closed' }] })

describe('what must not be', () => {
  test('a factory in which all went well has no violation', () => expect(check(whole())).toEqual([]))

  test.each<[string, string, (facts: Facts) => Facts]>([
    ['an item that is not there', 'lost', (facts) => ({ ...facts, asked: [...facts.asked, { sourceId: 'chaos#2', repo: 'chaos/repo-0' }] })],
    ['an item that stands still', 'lost', (facts) => withItem(facts, { status: 'queued' })],
    ['a failure without a reason', 'lost', (facts) => withItem(facts, { status: 'failed', failure_code: null })],
    ['completed without a pull request', 'lost', (facts) => ({ ...facts, pulls: [] })],
    ['two pull requests, one of them closed', 'duplicate_pull', doubled],
    ['a pull request of no item', 'wrong_pull', (facts) => ({ ...facts, pulls: [...facts.pulls, { repo: 'chaos/repo-0', number: 7, head: 'factory/9-z', headSha: HEAD, state: 'open' }] })],
    ['a pull request of an item that failed', 'wrong_pull', (facts) => withItem(facts, { status: 'failed', failure_code: 'internal', failure_message: 'x' })],
    ['a pull request on another commit', 'wrong_pull', (facts) => withPull(facts, { headSha: 'c'.repeat(40) })],
    ['a closed pull request', 'wrong_pull', (facts) => withPull(facts, { state: 'closed' })],
    ['another number on the item', 'wrong_pull', (facts) => withPull(facts, { number: 6 })],
    ['a verified commit that no build made', 'wrong_pull', (facts) => withRun(facts, 1, { head_sha: 'c'.repeat(40) })],
    ['an effect for other work', 'wrong_pull', (facts) => ({ ...facts, effects: facts.effects.map((effect) => ({ ...effect, payload: { branch: 'x', headSha: 'c' } })) })],
    ['a move that is not allowed', 'illegal_move', (facts) => withEvent(facts, 5, { patch: { status: 'completed' } })],
    ['a run that ended in a way it cannot', 'illegal_move', (facts) => withEvent(facts, 3, { type: 'other' })],
    ['a row that its events do not tell of', 'replay', (facts) => withItem(facts, { attempts: 1 })],
    ['a run that ended twice', 'run_ended', (facts) => ({ ...facts, events: [...facts.events, { seq: 11, type: 'run.finished', item_id: 1, run_id: 1, data: { status: 'succeeded' }, patch: null }] })],
    ['a run that never ended', 'run_ended', (facts) => withEvent(facts, 8, { type: 'other' })],
    ['a run that nobody admitted', 'run_ended', (facts) => withEvent(facts, 6, { type: 'other' })],
    ['more live runs than workers', 'limit_exceeded', (facts) => withEvent(facts, 4, { seq: 8.5 })],
    ['more iterations than the day has', 'limit_exceeded', (facts) => ({ ...facts, iterationsUsed: 11 })],
    ['more iterations than the run was given', 'limit_exceeded', (facts) => withRun(facts, 1, { iterations: 3 })],
    ['an older worker that works after a newer one began', 'two_at_once', (facts) => ({ ...facts, journal: [...facts.journal, { itemId: 1, token: 11, what: 'works' }] })],
    ['a token that was given twice', 'token', (facts) => withRun(facts, 2, { token: 11 })],
    ['a token that went back', 'token', (facts) => withRun(facts, 2, { token: 3 })],
    ['a lock', 'left_behind', (facts) => ({ ...facts, left: { ...facts.left, locks: ['lock:{chaos/repo-0}:a'] } })],
    ['a process', 'left_behind', (facts) => ({ ...facts, left: { ...facts.left, processes: ['1 bun'] } })],
    ['a container', 'left_behind', (facts) => ({ ...facts, left: { ...facts.left, containers: ['w'] } })],
    ['an effect that nobody carried out', 'left_behind', (facts) => ({ ...facts, effects: facts.effects.map((effect) => ({ ...effect, status: 'pending' })) })],
    ['a run that nobody cleaned up after', 'left_behind', (facts) => withRun(facts, 2, { cleaned_at: null })],
  ])('%s is %s', (_what, rule, change) => {
    const facts = change(whole())
    const sorted = { ...facts, events: facts.events.toSorted((a, b) => a.seq - b.seq) }
    expect(check(sorted).map((violation) => String(violation.rule))).toContain(rule)
  })
})
