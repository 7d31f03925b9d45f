import type { VerifyReport } from '@factory/shared'
import type { Forge } from '../ports/forge.ts'
import type { Context } from '../context.ts'
import { json } from '../db/connect.ts'
import { BASE, HEAD, passed } from '../testing/drive.ts'
import { seedItem } from '../testing/seed.ts'
import { lockItem } from '../work/lock.ts'
import { getItem } from '../work/read.ts'
import { recordPullRequest } from './record.ts'
import { dueEffects, type EffectRow } from './due.ts'

/** An item whose verified work is to be published, and the effect that says so. */
export type Owed = { itemId: number; branch: string; effect: EffectRow }

/** Writes an item that has just been verified, past all verbs. */
export async function owe(ctx: Context, seed: { repo?: string; headSha?: string } = {}): Promise<Owed> {
  const { sql } = ctx.db
  const repo = seed.repo ?? 'acme/app'
  const itemId = await seedItem(sql, { repo, status: 'publishing', title: 'Add a greeting' })
  const report: VerifyReport = { ...passed, baseSha: BASE, headSha: seed.headSha ?? HEAD }
  await sql`update work_items set wip_sha = ${seed.headSha ?? HEAD}, evidence = ${json(sql, report)} where id = ${itemId}`
  await sql.begin(async (tx) => {
    const item = await lockItem(tx, itemId)
    if (!item) throw new Error('the item was just written')
    await recordPullRequest(tx, item, { at: ctx.clock.now() })
  })
  const effect = (await dueEffects(ctx, 1000)).find((one) => one.item_id === itemId)
  const { branch } = await getItem(ctx, itemId)
  if (!effect || !branch) throw new Error('the effect was just recorded')
  return { itemId, branch, effect }
}

/** What somebody does at each call of a forge: before it is carried out, and after. */
export type AroundCall = { before?(call: string): Promise<void>; after?(call: string): Promise<void> }

/** The same forge, with something happening around each of its calls. */
export function aroundForge(forge: Forge, { before, after }: AroundCall): Forge {
  const around =
    <A extends unknown[], R>(call: string, carryOut: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await before?.(call)
      const result = await carryOut(...args)
      await after?.(call)
      return result
    }
  return {
    repository: around('repository', forge.repository.bind(forge)),
    readFile: around('readFile', forge.readFile.bind(forge)),
    branchHead: around('branchHead', forge.branchHead.bind(forge)),
    moveBranch: around('moveBranch', forge.moveBranch.bind(forge)),
    findPulls: around('findPulls', forge.findPulls.bind(forge)),
    createPull: around('createPull', forge.createPull.bind(forge)),
    updatePull: around('updatePull', forge.updatePull.bind(forge)),
    deleteRef: around('deleteRef', forge.deleteRef.bind(forge)),
  }
}
