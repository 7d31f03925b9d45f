import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { WorkerState } from '../ports/worker-runtime.ts'
import { decide, runKey, type RunView, type Snapshot } from './decide.ts'

const now = new Date('2026-03-01T12:00:00Z')
const later = new Date(now.getTime() + 60_000)
const earlier = new Date(now.getTime() - 1)
const run = (over: Partial<RunView> = {}): RunView => ({ id: 1, itemId: 1, kind: 'build', status: 'running', worker: 'w1', leaseExpiresAt: later, cancel: null, ...over })
const worker = (over: Partial<WorkerState> = {}): WorkerState => ({ name: 'w1', runId: 1, status: 'running', exitCode: null, outOfMemory: false, ...over })
const see = (over: Partial<Snapshot>) => decide({ runs: [], workers: [], busy: new Set(), effects: [], slots: 0, leasesCountFrom: earlier, suspectSince: null, ...over }, now)

describe('what the scheduler does', () => {
  test('a healthy run is left alone', () => {
    expect(see({ runs: [run()], workers: [worker()] })).toEqual([])
  })

  test('a run committed but never started is started', () => {
    expect(see({ runs: [run({ status: 'starting' })] })).toMatchObject([{ do: 'start', runId: 1 }])
  })

  test('an expired lease ends the run as lost', () => {
    expect(see({ runs: [run({ leaseExpiresAt: earlier })], workers: [worker()] })).toMatchObject([{ do: 'end', as: 'lost', code: 'lease_expired' }])
  })

  test('a lease that ran out while the orchestrator was away does not count yet: its worker may still be heard', () => {
    expect(see({ runs: [run({ leaseExpiresAt: earlier })], workers: [worker()], leasesCountFrom: later })).toEqual([])
  })

  test('a worker that ended without a word is lost, with the reason', () => {
    expect(see({ runs: [run()], workers: [worker({ status: 'exited', exitCode: 137, outOfMemory: true })] })).toMatchObject([{ do: 'end', code: 'worker_exited', reason: 'the worker ended out of memory and reported nothing' }])
    expect(see({ runs: [run(), run({ id: 2, worker: 'w2' }), run({ id: 3, worker: 'w3' })], workers: [worker({ name: 'w2', runId: 2 }), worker({ name: 'w3', runId: 3 })] })).toMatchObject([{ do: 'end', as: 'lost', code: 'worker_exited' }])
  })

  test('a run that was asked to end is ended', () => {
    expect(see({ runs: [run({ cancel: { code: 'killed', reason: 'enough' } })], workers: [worker()] })).toMatchObject([{ do: 'end', as: 'cancelled', code: 'killed', reason: 'enough' }])
  })

  test('ended runs are cleaned up after, and strangers removed', () => {
    expect(see({ runs: [run({ status: 'succeeded' })], workers: [worker(), worker({ name: 'w9', runId: 9 })] })).toMatchObject([
      { do: 'clean', runId: 1, worker: 'w1', alive: true },
      { do: 'clean', runId: null, worker: 'w9' },
    ])
  })

  test('what is under way is not done twice', () => {
    expect(see({ runs: [run({ status: 'starting' })], busy: new Set([runKey(1)]) })).toEqual([])
  })

  test('a silent engine lets nothing be given up, removed or started, whatever the runs look like', () => {
    fc.assert(
      fc.property(fc.array(anyRun, { maxLength: 20 }), fc.nat(5), (runs, slots) => {
        const actions = see({ runs, workers: null, slots, effects: [7] })
        expect(actions).toEqual([{ do: 'publish', effectId: 7, reason: 'a pull request is owed' }])
      }),
    )
  })

  test('at most one action for each run', () => {
    fc.assert(
      fc.property(fc.uniqueArray(anyRun, { selector: (one) => one.id, maxLength: 20 }), fc.array(fc.nat(25), { maxLength: 20 }), (runs, names) => {
        const workers = [...new Set(names)].map((id) => worker({ name: `w${id}`, runId: id }))
        const touched = see({ runs, workers, slots: 1 }).flatMap((action) => ('runId' in action && action.runId !== null ? [action.runId] : []))
        expect(new Set(touched).size).toBe(touched.length)
      }),
    )
  })
})

const anyRun = fc
  .record({ id: fc.nat(25), status: fc.constantFrom<RunView['status']>('starting', 'running', 'succeeded', 'failed', 'lost'), leaseExpiresAt: fc.constantFrom(later, earlier), cancelled: fc.boolean() })
  .map(({ id, status, leaseExpiresAt, cancelled }) => run({ id, itemId: id, worker: `w${id}`, status, leaseExpiresAt, cancel: cancelled ? { code: 'cancelled', reason: 'x' } : null }))

describe('when most workers seem dead at once', () => {
  const many = (count: number, over: Partial<RunView> = {}) => Array.from({ length: count }, (_, index) => run({ id: index + 1, itemId: index + 1, worker: `w${index + 1}`, ...over }))
  const ends = (actions: ReturnType<typeof see>) => actions.filter((action) => action.do === 'end').length

  test('nothing is given up before another look says the same', () => {
    const first = see({ runs: many(4), workers: [] })
    expect(first).toMatchObject([{ do: 'suspect', since: now }])
    expect(see({ runs: many(4), workers: [], suspectSince: new Date(now.getTime() - 29_000) })).toMatchObject([{ do: 'suspect' }])
    expect(ends(see({ runs: many(4), workers: [], suspectSince: new Date(now.getTime() - 30_000) }))).toBe(4)
  })

  test('one that is gone without a trace is looked for again, if it was the only one: an engine that starts shows not all at once', () => {
    expect(see({ runs: many(1), workers: [] })).toMatchObject([{ do: 'suspect' }])
    expect(see({ runs: many(2), workers: [] })).toMatchObject([{ do: 'suspect' }])
    expect(ends(see({ runs: many(3), workers: [worker(), worker({ name: 'w2', runId: 2 })] }))).toBe(1)
  })

  test('what the engine shows as ended is believed, few that are silent are, and so is a cancel among many', () => {
    const all = many(4)
    expect(ends(see({ runs: all, workers: all.map((one) => worker({ name: one.worker, runId: one.id, status: 'exited', exitCode: 137 })) }))).toBe(4)
    const silent = many(2, { leaseExpiresAt: earlier })
    expect(ends(see({ runs: silent, workers: silent.map((one) => worker({ name: one.worker, runId: one.id })) }))).toBe(2)
    const half = many(6)
    expect(ends(see({ runs: half, workers: half.slice(3).map((one) => worker({ name: one.worker, runId: one.id })) }))).toBe(3)
    const runs = [...many(4), run({ id: 9, worker: 'w9', cancel: { code: 'cancelled', reason: 'a person' } })]
    expect(see({ runs, workers: [] }).filter((action) => action.do === 'end')).toMatchObject([{ runId: 9, as: 'cancelled' }])
  })
})
