import { createLogger } from '@factory/shared'
import { createMemoryBus } from '../adapters/memory-bus.ts'
import { createMemoryLocks } from '../adapters/memory-locks.ts'
import { noEmbedder } from '../adapters/no-embedder.ts'
import { readConfig } from '../config.ts'
import type { Context } from '../context.ts'
import { testDatabase, type TestDatabase } from '../db/testing.ts'
import { fakeForge, type FakeForge } from './fake-forge.ts'
import { fakeRuntime, type FakeRuntime } from './fake-runtime.ts'

export type MovableClock = { now(): Date; advance(seconds: number): void }

/** Real PostgreSQL; engine and forge are fakes at their ports, and the clock is moved by hand. */
export type TestContext = Context & { db: TestDatabase; runtime: FakeRuntime; forge: FakeForge; clock: MovableClock }

export async function testContext(env: Record<string, string> = {}): Promise<TestContext> {
  const clock = movableClock(new Date())
  const db = await testDatabase()
  await db.sql`select take_lead('test', 3600)`
  return {
    config: readConfig({ GITHUB_TOKEN: 'made-up-for-tests', COOLDOWN_SECONDS: '0', ...env }),
    log: createLogger('test', 'silent'),
    db,
    leader: { epoch: () => 1, assert: () => {}, leasesCountFrom: () => new Date(0), holder: () => 'test' },
    epoch: null,
    clock,
    locks: createMemoryLocks(clock),
    bus: createMemoryBus(createLogger('test', 'silent')),
    embedder: noEmbedder,
    runtime: fakeRuntime(),
    forge: fakeForge(),
    metrics: { admission: () => {}, heartbeat: () => {}, runFinished: () => {} },
    wake: () => {},
  }
}

export function movableClock(start: Date): MovableClock {
  let now = start.getTime()
  return {
    now: () => new Date(now),
    advance(seconds) {
      now += seconds * 1000
    },
  }
}
