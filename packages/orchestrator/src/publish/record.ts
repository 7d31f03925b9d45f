import { z } from 'zod'
import { FactoryError } from '@factory/shared'
import type { Tx } from '../db/connect.ts'
import { recordEvent } from '../events/record.ts'
import type { ItemRow } from '../work/view.ts'
import { noteOnItem } from '../work/note.ts'
import { headBranch } from './slug.ts'
import { upsertEffect } from './store.ts'

/** What the publisher needs that must not change any more: the verified commit and where it goes. */
export const PullPayload = z.object({ repo: z.string(), base: z.string().nullable(), branch: z.string(), headSha: z.string() })
export type PullPayload = z.infer<typeof PullPayload>

/** Records, in the transaction that moved the item to `publishing`, that a pull request is owed. */
export async function recordPullRequest(tx: Tx, item: ItemRow, options: { at: Date }): Promise<void> {
  if (!item.wip_sha) throw new FactoryError('internal', `item ${item.id} was verified without a commit`)
  const branch = item.branch ?? headBranch(item.id, item.title)
  const payload: PullPayload = { repo: item.repo, base: item.base_branch, branch, headSha: item.wip_sha }
  await upsertEffect(tx, { itemId: item.id, kind: 'pull_request', payload, at: options.at })
  await noteOnItem(tx, item, { branch }, options.at)
  await recordEvent(tx, { type: 'effect.recorded', itemId: item.id, runId: null, data: { kind: 'pull_request', branch, headSha: item.wip_sha } })
}
