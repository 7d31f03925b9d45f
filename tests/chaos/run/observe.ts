import { existsSync, readdirSync } from 'node:fs'
import type { Forge } from '@factory/rehearsal'
import type { Db } from '../../../packages/orchestrator/src/db/connect.ts'
import type { EffectRow, EventRow, Facts, ItemRow, RunRow } from '../check/facts.ts'
import { containers } from '../world/containers.ts'
import { markedProcesses } from '../world/workers.ts'
import { readJournal } from './journal.ts'

export type Observed = {
  db: Pick<Db, 'sql'>
  forge: Pick<Forge, 'pulls'>
  /** Names of the repositories that the factory worked on. */
  repositories: readonly string[]
  /** Keys of Redis by a pattern. */
  keys: (pattern: string) => Promise<string[]>
  instance: string
  workersDir: string
  journal: string
  containers: boolean
  limits: Facts['limits']
}

/** Looks at everything from outside: database, forge, Redis, processes, directories, containers. */
export async function observe(world: Observed, asked: Facts['asked']): Promise<Facts> {
  const { sql } = world.db
  const rows = async <T>(query: Promise<readonly { row: T }[]>): Promise<T[]> => (await query).map(({ row }) => row)
  const used = await sql<{ used: number }[]>`select coalesce(max(iterations), 0)::integer used from budget_days`
  const locks = await Promise.all(world.repositories.map((repo) => world.keys(`lock:{${repo}}:*`)))
  return {
    limits: world.limits,
    asked,
    items: await rows<ItemRow>(sql`select to_jsonb(w) as row from work_items w order by id`),
    runs: await rows<RunRow>(sql`select to_jsonb(r) - 'report' as row from runs r order by id`),
    events: await rows<EventRow>(sql`select to_jsonb(e) - 'xid' as row from work_events e order by seq`),
    effects: await rows<EffectRow>(sql`select to_jsonb(e) as row from effects e order by id`),
    iterationsUsed: used[0]?.used ?? 0,
    pulls: world.repositories.flatMap((repo) => world.forge.pulls(repo).map((pull) => ({ repo, number: pull.number, head: pull.head.ref, headSha: pull.head.sha, state: pull.state }))),
    journal: readJournal(world.journal),
    left: {
      locks: locks.flat(),
      mirroredLocks: (await sql<{ name: string }[]>`select repo || ' ' || path as name from file_locks`).map(({ name }) => name),
      processes: markedProcesses(world.instance),
      directories: existsSync(world.workersDir) ? readdirSync(world.workersDir) : [],
      containers: world.containers ? await containers(world.instance) : [],
    },
  }
}
