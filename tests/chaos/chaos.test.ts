import { describeWith, need } from '@factory/rehearsal/testing'
import { expect, test } from 'bun:test'
import { chaosOptions } from './options.ts'
import type { FaultKind } from './plan.ts'
import { runChaos, type ChaosReport } from './run/chaos.ts'

/** One number for all, so that a failure here is the same anywhere; `bun run chaos` draws another each time. */
const SEED = 4

const told = (report: ChaosReport) => `chaos: ${JSON.stringify({ ...report, violations: report.violations.length })}`
const rules = (report: ChaosReport) => new Set(report.violations.map(({ rule }) => rule))

describeWith(['docker', 'postgres', 'redis'], 'chaos: real processes, killed and frozen by a schedule', () => {
  // Half of what `bun run chaos` does: the 800 items with their hundred kills and freezes cost two cores two minutes.
  test('400 items: nothing lost, nothing twice, nothing left', async () => {
    const report = await runChaos({ ...chaosOptions({ items: 400, seed: SEED, variant: 'whole' }), say: console.log })
    console.log(told(report))
    expect(report.violations).toEqual([])
    expect(report.deaths).toEqual([])
    // nothing in the schedule is a reason to give an item up
    expect(report.failures).toEqual({})
    expect(report.itemsBy).toEqual({ completed: 400 })
    expect(report.pulls).toBe(400)
    expect(report.killsAndFreezes).toBeGreaterThanOrEqual(50)
    expect(report.faults['postgres.crash']).toBeGreaterThanOrEqual(1)
    expect(report.faults['redis.flush']).toBeGreaterThanOrEqual(1)
    expect(report.faults['redis.crash']).toBeGreaterThanOrEqual(1)
  }, 1_200_000)

  // Without what protects it the same suite finds what it looks for; otherwise it would prove nothing. All at once: each waits most of its time.
  test('finds violations without fencing, without the outbox, without waiting for a worker\'s death', async () => {
    const [fencing, outbox, death] = await Promise.all((['fencing', 'outbox', 'death'] as const).map((variant) => runChaos(chaosOptions({ items: 40, seed: SEED, variant }))))
    if (!fencing || !outbox || !death) throw new Error('unreachable: there are three')
    for (const report of [fencing, outbox, death]) console.log(told(report))
    expect(rules(fencing)).toContain('run_ended')
    expect(rules(fencing)).toContain('illegal_move')
    expect(rules(outbox)).toContain('duplicate_pull')
    expect(rules(death)).toContain('two_at_once')
  }, 600_000)
})

describeWith(['docker', 'worker-image', 'postgres', 'redis'], 'chaos: a sample in real containers', () => {
  test('12 items in containers that are killed and paused: no container is left', async () => {
    const report = await runChaos({ ...chaosOptions({ items: 12, seed: SEED, variant: 'whole' }), workerImage: need('worker-image'), leaseSeconds: 6, density: 5, limitMs: 300_000, say: console.log })
    console.log(told(report))
    expect(report.violations).toEqual([])
    expect(report.itemsBy).toEqual({ completed: 12 })
    const times = (...kinds: FaultKind[]) => kinds.reduce((sum, kind) => sum + (report.faults[kind] ?? 0), 0)
    expect(times('worker.kill', 'worker.kill-tree')).toBeGreaterThanOrEqual(1)
    expect(times('worker.freeze')).toBeGreaterThanOrEqual(1)
    expect(times('leader.kill', 'publisher.kill', 'follower.kill')).toBeGreaterThanOrEqual(1)
  }, 600_000)
})
