import type { Context } from '../context.ts'
import { quietly } from '../transact.ts'
import { lockItem } from './lock.ts'
import { noteOnItem } from './note.ts'

/** The repository names the branch that work starts from and goes to. */
export async function noteBase(ctx: Pick<Context, 'db' | 'clock' | 'epoch'>, id: number, branch: string): Promise<void> {
  await quietly(ctx, async (tx) => {
    const item = await lockItem(tx, id)
    if (item && item.base_branch === null) await noteOnItem(tx, item, { base_branch: branch }, ctx.clock.now())
  })
}
