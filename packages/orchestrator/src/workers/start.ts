import { parseFactoryYml } from '@factory/shared'
import type { Context } from '../context.ts'
import { ForgeError } from '../ports/forge.ts'
import { StartError } from '../ports/worker-runtime.ts'
import { noteBase } from '../work/note-base.ts'
import { quietly } from '../transact.ts'
import { readItemRow } from '../work/read-row.ts'
import { cacheOf } from './cache-of.ts'
import { settleRun } from './settle.ts'
import { loadRun, loadRunKey, setRuntime } from './store.ts'
import { runToken } from './token.ts'

/**
 * Makes the worker of an admitted run. Repeating it adopts the worker that is there. An engine that
 * does not answer leaves the run as it is, for the next tick; everything else that goes wrong ends it.
 */
export async function startRun(ctx: Context, runId: number): Promise<void> {
  const run = await loadRun(ctx.db.sql, runId)
  if (!run || run.status !== 'starting') return
  const began = performance.now()
  try {
    const image = await imageFor(ctx, run.item_id)
    await quietly(ctx, (tx) => setRuntime(tx, run.id, ctx.runtime.kind))
    await ctx.runtime.start({
      name: run.worker,
      runId: run.id,
      itemId: run.item_id,
      repo: run.repo,
      cache: cacheOf(run.repo, run.kind),
      image,
      runToken: runToken(await loadRunKey(ctx.db.sql), run),
      limits: { memoryMb: ctx.config.WORKER_MEMORY_MB, cpus: ctx.config.WORKER_CPUS, pids: ctx.config.WORKER_PIDS },
    })
    ctx.log.info({ runId, itemId: run.item_id, kind: run.kind, worker: run.worker, ms: Math.round(performance.now() - began) }, 'worker started')
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    if (error.code === 'engine_unavailable') {
      ctx.log.warn({ runId }, 'the engine does not answer; the run waits for it')
      throw error
    }
    await settleRun(ctx, { id: run.id, itemId: run.item_id, token: null }, { status: error.permanent ? 'failed' : 'lost', outcome: { code: error.code, message: error.message, until: null } })
  }
}

/**
 * The image that the repository asks for. A forge that does not answer, or a broken `.factory.yml`, is
 * no reason to hold the worker back: it meets the same at its checkout and reports it with a name.
 */
async function imageFor(ctx: Context, itemId: number): Promise<string | null> {
  const item = await readItemRow(ctx, itemId)
  try {
    const text = await ctx.forge.readFile(item.repo, '.factory.yml', item.base_branch ?? undefined)
    const parsed = text === null ? null : parseFactoryYml(text)
    if (!parsed?.ok) return null
    if (item.base_branch === null && parsed.config.base) await noteBase(ctx, item.id, parsed.config.base)
    return parsed.config.image ?? null
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error
    ctx.log.warn({ err: error, itemId }, '.factory.yml could not be read before the start')
    return null
  }
}
