import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { WorkerState } from '../ports/worker-runtime.ts'
import { decide, runKey, type RunView, type Snapshot } from './decide.ts'

const now = new Date('2026-03-01T12:00:00Z')
const later = new Date(now.getTime() + 60_000)
const earlier = new Date(now.getTime() - 1)
const run = (over: Partial<RunView> = {}): RunView => ({ id: 1, itemId: 1, kind: 'build', status: 'running', worker: 'w1', leaseExpiresAt: later, cancel: null, ...over })
const worker = (over: Partial<WorkerState> = {}): WorkerState => ({ name: 'w1', runId: 1, status: 'running', exitCode: null, outOfMemory: false, ...over })
const see = (over: Partial<Snapshot>) => decide({ runs: [], workers: [], busy: new Set(), effects: [], slots: 0, leasesCountFrom: earlier, ...over }, now)

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
    expect(see({ runs: [run()] })).toMatchObject([{ do: 'end', as: 'lost', code: 'worker_exited' }])
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
