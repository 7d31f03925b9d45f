import { startForge, type Forge } from '@factory/rehearsal'
import { describeWith, need } from '@factory/rehearsal/testing'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Redis } from 'ioredis'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check } from './check/check.ts'
import { pointName, type Point } from './crash/boundaries.ts'
import { runCase, type CrashResult, type CrashWorld } from './crash/case.ts'
import { PERIODIC } from './crash/wrap.ts'
import { bundleLight } from './world/bundle-worker.ts'

/** One point again, as a failure names it. */
const ONLY = process.env['CRASH_POINT']

/** Cases at a time: a case waits most of its time for its processes. */
const AT_ONCE = 4
/** What the clock asks for, and what a sweep does with what such a look found: how often depends on the machine. All else must be reached. */
const BY_CLOCK = [...PERIODIC, 'runtime.stop', 'runtime.remove']
/** Lives that a point is looked for in. */
const TRIES = 2

describeWith(['postgres', 'redis'], 'an orchestrator killed at every boundary of the protocol', () => {
  const dir = mkdtempSync(join(tmpdir(), 'factory-crash-points-'))
  let forge: Forge
  let redis: Redis
  let world: CrashWorld

  beforeAll(async () => {
    forge = await startForge({ dataDir: join(dir, 'forge'), tokens: [{ token: 'made-up', login: 'factory-bot' }] })
    redis = new Redis(need('redis'))
    world = { forge, token: 'made-up', redisUrl: need('redis'), keys: (pattern) => redis.keys(pattern), lightWorker: await bundleLight(dir) }
  })
  afterAll(async () => {
    await forge.stop()
    redis.disconnect()
    rmSync(dir, { recursive: true, force: true })
  })

  test('the item ends the same: its work done once, one pull request, nothing left', async () => {
    const id = crypto.randomUUID().slice(0, 8)
    const whole = await runCase(world, `${id}-whole`, null)
    expect(story(whole)).toEqual(WHOLE)
    const points = ONLY === undefined ? moments(whole.passed) : whole.passed.filter((point) => pointName(point) === ONLY)
    console.log(`${points.length} crash points: ${points.map(pointName).join(', ')}`)
    expect(points.length).toBeGreaterThanOrEqual(ONLY === undefined ? 70 : 1)
    const kinds = new Set(whole.passed.map(({ name }) => name.split(/[ .]/)[0]))
    expect([...kinds].sort()).toEqual(['commit', 'forge', 'locks', 'runtime'])

    const wrong: string[] = []
    const missed: string[] = []
    let next = 0
    const work = async (): Promise<void> => {
      for (let index = next++; index < points.length; index = next++) {
        const point = points[index]
        if (!point) continue
        // What the clock asks for (a look, a sweep of what a look found) may not come as often in this life as in the one
        // that was counted; then nobody was killed, all must be as ever, and it is tried again.
        const carryOut = (name: string) => runCase(world, name, point).catch((error: unknown) => String(error))
        let result = await carryOut(`${id}-${index}`)
        for (let tries = 1; tries < TRIES && typeof result === 'object' && !result.killed && Bun.deepEquals(story(result), WHOLE); tries++) result = await carryOut(`${id}-${index}-${tries}`)
        if (typeof result === 'string') {
          wrong.push(`${pointName(point)}: ${result}`)
          continue
        }
        const told = { ...story(result), killed: result.killed }
        if (Bun.deepEquals(story(result), WHOLE) && (result.killed || BY_CLOCK.includes(point.name))) {
          if (!result.killed) missed.push(pointName(point))
          continue
        }
        console.log(`not the same: CRASH_POINT='${pointName(point)}'`, told)
        wrong.push(pointName(point))
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    if (missed.length > 0) console.log(`not reached again, by the clock: ${missed.join(', ')}`)
    expect(wrong).toEqual([])
    expect(missed.length).toBeLessThan(points.length / 10)
  }, 900_000)
})

/** What an item that nobody disturbed leaves behind, and one that lost its orchestrator anywhere, too. */
const WHOLE = { status: 'completed', losses: 0, attempts: 0, runs: ['build succeeded', 'verify succeeded'], pulls: 1, violations: [] }

/**
 * Of a point after a call and the one before the next call, which follows it at once, the second: nobody else can tell the
 * two apart. After a commit somebody may have been answered; such a point stands.
 */
function moments(points: readonly Point[]): Point[] {
  return points.filter((point, index) => point.when === 'before' || point.name.startsWith('commit') || points[index + 1]?.when !== 'before')
}

function story({ facts }: CrashResult) {
  const [item] = facts.items
  return {
    status: item?.status,
    losses: item?.['losses'],
    attempts: item?.['attempts'],
    runs: facts.runs.map(({ kind, status }) => `${kind} ${status}`),
    pulls: facts.pulls.length,
    violations: check(facts),
  }
}
