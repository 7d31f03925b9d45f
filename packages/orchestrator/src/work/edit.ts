import { FactoryError, type EditWork, type WorkItem } from '@factory/shared'
import type { Context } from '../context.ts'
import { transact } from '../transact.ts'
import { askRunToEnd } from '../workers/ask-to-end.ts'
import { readSpecText } from './create.ts'
import { getItem } from './read.ts'
import { moveItem } from './move.ts'
import { noteOnItem } from './note.ts'
import { hasBuildRun, lockItem, type ItemPatch } from './store.ts'

/**
 * Changes an item before its first build run starts, or while it rests (it waits for input, failed or was
 * cancelled: the retry goes on with the new text). New prose sends it back to drafting; a new spec is used as it stands. A spec run under way works from the old text
 * and is ended.
 */
export async function editWork(ctx: Pick<Context, 'db' | 'bus' | 'wake' | 'epoch' | 'clock'>, id: number, input: EditWork): Promise<WorkItem> {
  const at = ctx.clock.now()
  await transact(ctx, async (tx) => {
    const item = await lockItem(tx, id)
    if (!item) throw new FactoryError('not_found', `there is no work item ${id}`)
    const changesText = input.spec !== undefined || input.description !== undefined || input.title !== undefined
    const early = ['drafting', 'awaiting_approval', 'queued'].includes(item.status) && !(await hasBuildRun(tx, id))
    // in these nothing works on it, and the retry that follows shall use the new text
    const resting = ['needs_input', 'failed', 'cancelled'].includes(item.status)
    if (changesText && !early && !resting) {
      throw new FactoryError('conflict', `work item ${id} is ${item.status}; its text can be changed before the first build run starts, or while it waits for a person`)
    }
    const set: ItemPatch = {}
    if (input.priority !== undefined) set.priority = input.priority
    if (input.title !== undefined) set.title = input.title
    if (input.spec !== undefined) {
      const read = readSpecText(input.spec)
      set.spec = read.spec
      set.files = read.files
      if (input.title === undefined) set.title = read.title
    }
    if (input.description !== undefined) {
      set.description = input.description
      if (input.spec === undefined) {
        set.spec = null
        set.files = []
      }
    }
    // What was verified was another text's.
    if (input.spec !== undefined || input.description !== undefined) set.evidence = null
    const to = input.spec !== undefined ? 'queued' : input.description !== undefined ? 'drafting' : item.status
    if (item.current_run_id !== null && changesText) await askRunToEnd(tx, item.current_run_id, { code: 'killed', reason: 'the text was changed' })
    const moves = to !== item.status && !resting
    await noteOnItem(tx, item, set, at, { type: 'work.edited', runId: null, data: { fields: Object.keys(input) } })
    if (moves) await moveItem(tx, item, to, { reason: 'the text was changed', at })
  })
  return getItem(ctx, id)
}
