import { need } from '@factory/rehearsal/testing'
import type { Run } from '@factory/shared'
import type { Context } from '../context.ts'
import { connect, json, type Sql } from '../db/connect.ts'
import { BASE, HEAD, passed, settleDown, SPEC } from '../testing/drive.ts'
import { replayItem, storedItem } from '../testing/replay.ts'
import { fakeForge } from '../testing/fake-forge.ts'
import { movableClock, type TestContext } from '../testing/test-context.ts'
import { createWork } from '../work/create.ts'
import { completeRun, failRun } from '../workers/end.ts'
import { heartbeat } from '../workers/heartbeat.ts'
import { listWorkers } from '../workers/read.ts'
import { pushRef } from '../workers/refs.ts'
import { registerRun } from '../workers/register.ts'

const NOTHING = { events: [], learnings: [] }
const USAGE = { iterations: 3, inputTokens: 1000, outputTokens: 50, cacheReadTokens: 7, cacheWriteTokens: 2, costUsd: 0.25 }

/** The refs that runs pushed, as the forge has them. */
export type Refs = Set<string>

/** The forge's refs as a set that `deleteRef` takes from; what is not there is deleted already. */
export function withRefs(ctx: TestContext): Refs {
  const refs: Refs = new Set()
  const deleteRef = ctx.forge.deleteRef
  ctx.forge.deleteRef = async (repo, ref) => {
    await deleteRef(repo, ref)
    refs.delete(ref)
  }
  return refs
}

/** One item worked off to its end, as workers do it. */
export async function workOff(ctx: TestContext, refs: Refs, number: number, end: 'completed' | 'failed'): Promise<number> {
  const { item } = await createWork(ctx, { source: 'github', sourceId: `acme/app#${number}`, repo: 'acme/app', spec: SPEC })
  const next = async (): Promise<{ run: Run; ref: { id: number; itemId: number; token: number } }> => {
    await settleDown(ctx)
    const run = (await listWorkers(ctx, { live: true, limit: 10 })).find((one) => one.itemId === item.id)
    if (!run) throw new Error(`item ${item.id} has no run`)
    const ref = { id: run.id, itemId: run.itemId, token: run.token }
    await registerRun(ctx, ref, { versions: {} })
    return { run, ref }
  }
  const build = await next()
  refs.add(pushRef(item.id, build.run.token))
  await heartbeat(ctx, build.ref, { usage: USAGE, headSha: HEAD, baseSha: BASE, events: [], progress: { step: 'agent' } } as never)
  await ctx.db.sql`insert into run_events (run_id, seq, at, event) select ${build.run.id}, n, now(), '{}' from generate_series(1, 20) n`
  await ctx.db.sql`insert into run_logs (run_id, seq, at, position, text, byte_end, line_start, line_end) values (${build.run.id}, 1, now(), 'p', 'said', 4, 0, 1)`
  if (end === 'failed') {
    await failRun(ctx, build.ref, { ...NOTHING, usage: USAGE, outcome: { code: 'setup_failed', message: 'no', until: null } } as never)
    await ctx.db.sql`select change_item(${item.id}, 'failed', '{"failure_code": "setup_failed", "failure_message": "no"}', 'work.status', null, '{}', ${ctx.clock.now()}) where (select status from work_items where id = ${item.id}) <> 'failed'`
  } else {
    await completeRun(ctx, build.ref, { ...NOTHING, usage: USAGE, headSha: HEAD, baseSha: BASE, learnings: [{ kind: 'gotcha', text: `learned from ${number}` }] })
    const verify = await next()
    await completeRun(ctx, verify.ref, { ...NOTHING, report: passed })
  }
  await settleDown(ctx)
  return item.id
}

/** As if everything that has ended by now had ended that many days before: admission has the database's clock, which no test moves. */
export async function age(sql: Sql, days: number): Promise<void> {
  await sql`update leftovers set ended_at = ended_at - make_interval(days => ${days}::int), refs_at = refs_at - make_interval(days => ${days}::int)`
}

/** What the events of each item make of it, and what it is: the same, if the record is whole. */
export async function replayed(sql: Sql): Promise<{ replayed: unknown; row: unknown }[]> {
  const items = await sql<{ id: number }[]>`select id from work_items order by id`
  const spelled = async (row: unknown) => (await sql<{ row: Record<string, unknown> }[]>`select to_jsonb(jsonb_populate_record(null::work_items, ${json(sql, row)})) as row`)[0]?.row
  return Promise.all(items.map(async ({ id }) => ({ replayed: await spelled(await replayItem(sql, id)), row: await spelled(await storedItem(sql, id)) })))
}

/** The same world again and again: every call gives a copy of the database, of its pull requests and of its refs. */
export function copies(ctx: TestContext, refs: Refs): () => Promise<{ ctx: TestContext; refs: Refs }> {
  const pulls = structuredClone(ctx.forge.pulls)
  const pushed = [...refs]
  const named = (name: string) => {
    const url = new URL(ctx.db.url)
    url.pathname = `/${name}`
    return url.toString()
  }
  const asAdmin = async (statement: string) => {
    const admin = connect(need('postgres'), { max: 1 })
    await admin.sql.unsafe(statement).finally(() => admin.close())
  }
  return async () => {
    const name = `factory_test_${crypto.randomUUID().replaceAll('-', '')}`
    await asAdmin(`create database ${name} template ${new URL(ctx.db.url).pathname.slice(1)}`)
    const db = connect(named(name), { max: 2 })
    const drop = async () => {
      await db.close()
      await asAdmin(`drop database ${name} with (force)`)
    }
    const copy: TestContext = { ...ctx, db: { ...db, url: named(name), drop }, forge: fakeForge(), clock: movableClock(ctx.clock.now()) }
    copy.forge.pulls.push(...structuredClone(pulls))
    const left = withRefs(copy)
    for (const ref of pushed) left.add(ref)
    return { ctx: copy, refs: left }
  }
}

export class Killed extends Error {
  override name = 'Killed'
}

/** The same world, but the process ends before or after its nth commit or call of the forge. `steps` counts them. */
export function killedAt<C extends Context>(ctx: C, nth: number, when: 'before' | 'after'): { ctx: C; steps(): number } {
  let count = 0
  const step = async <T>(act: () => Promise<T>): Promise<T> => {
    const mine = ++count
    if (mine === nth && when === 'before') throw new Killed()
    const result = await act()
    if (mine === nth) throw new Killed()
    return result
  }
  const sql = new Proxy(ctx.db.sql, {
    get: (target, name) => (name === 'begin' ? (body: Parameters<Sql['begin']>[1]) => step(async () => target.begin(body)) : Reflect.get(target, name)),
  })
  const forge = new Proxy(ctx.forge, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? (...args: unknown[]) => step(async () => Reflect.apply(member, target, args) as unknown) : member
    },
  })
  return { ctx: { ...ctx, db: { ...ctx.db, sql }, forge }, steps: () => count }
}
