import { WORK_TRANSITIONS, type WorkStatus } from '@factory/shared'
import { Refused } from '../kernel/refused.ts'
import type { Database } from './database.ts'
import type { ItemPatch, ItemRow } from './rows.ts'

export type NewItem = Pick<ItemRow, 'repo' | 'status' | 'priorityRank' | 'spec' | 'files' | 'maxAttempts'>

export function recordEvent(db: Database, type: string, itemId: number | null, runId: number | null, patch: Partial<ItemRow> | null = null): void {
  db.insert(db.events, { itemId, runId, type, patch })
}

export function createItem(db: Database, given: NewItem): ItemRow {
  const row: ItemRow = {
    ...given,
    id: db.items.length + 1,
    queuedAt: db.now(),
    notBefore: null,
    waitCode: null,
    attempts: 0,
    losses: 0,
    currentRunId: null,
    wipSha: null,
    baseSha: null,
    evidence: false,
    failureCode: null,
    failureMessage: null,
    question: null,
    branch: null,
    pullNumber: null,
    completedAt: null,
    revision: 1,
    parked: false,
    blockedBy: null,
  }
  db.insert(db.items, row)
  recordEvent(db, 'work.created', row.id, null, { ...row })
  return row
}

/** `change_item`: a move (`to`) with what goes with it, or facts alone. @throws Refused illegal_move (FX001) */
export function changeItem(db: Database, id: number, to: WorkStatus | null, patch: ItemPatch, type: string, runId: number | null): ItemRow {
  const row = db.item(id)
  if (to !== null && !(WORK_TRANSITIONS[row.status] as readonly WorkStatus[]).includes(to)) {
    db.kernel.count(`refused move ${row.status} → ${to}`)
    throw new Refused('illegal_move', `work item ${id} is ${row.status}; it cannot become ${to}`)
  }
  const told: Partial<ItemRow> = { ...patch, revision: row.revision + 1, ...(to === null ? {} : { status: to }) }
  const notBefore = patch.notBefore === undefined ? row.notBefore : patch.notBefore
  db.write(row, { ...told, parked: notBefore !== null && notBefore > db.now(), blockedBy: null })
  recordEvent(db, type, id, runId, told)
  return row
}
