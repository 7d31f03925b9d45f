import { EFFECT_TRANSITIONS } from '@factory/shared'
import type { Database } from './database.ts'
import { changeItem, recordEvent } from './items.ts'
import type { EffectRow, ItemRow } from './rows.ts'

/** Records, in the transaction that moved the item to `publishing`, that a pull request is owed: one row for an item, for ever. */
export function recordPullRequest(db: Database, item: ItemRow, at: number): void {
  if (item.wipSha === null) throw new Error(`item ${item.id} was verified without a commit`)
  const branch = item.branch ?? `factory/${item.id}`
  const payload = { repo: item.repo, branch, headSha: item.wipSha }
  const row = db.effects.find((one) => one.itemId === item.id)
  if (row) db.write(row, { payload, status: 'pending', attempts: 0, nextAttemptAt: at, owedSince: at })
  else db.insert(db.effects, { id: db.effects.length + 1, itemId: item.id, payload, status: 'pending', attempts: 0, nextAttemptAt: at, owedSince: at })
  changeItem(db, item.id, null, { branch }, 'work.noted', null)
  recordEvent(db, 'effect.recorded', item.id, null)
}

export function dueEffects(db: Database, at: number): EffectRow[] {
  return db.effects.filter((one) => one.status === 'pending' && one.nextAttemptAt <= at && db.item(one.itemId).status === 'publishing').map((one) => ({ ...one }))
}

/** The effect, while its item is publishing and it is still to be carried out. */
export function loadOwed(db: Database, id: number): EffectRow | null {
  const row = db.effect(id)
  return row.status === 'pending' && db.item(row.itemId).status === 'publishing' ? { ...row } : null
}

export function setEffect(db: Database, row: EffectRow, set: Partial<EffectRow>): void {
  const { status } = set
  if (status !== undefined && status !== row.status && !(EFFECT_TRANSITIONS[row.status] as readonly string[]).includes(status)) throw new Error(`effect ${row.id} is ${row.status}; it cannot become ${status}`)
  db.write(row, set)
}

export function isSameWork(a: EffectRow['payload'], b: EffectRow['payload']): boolean {
  return a.repo === b.repo && a.branch === b.branch && a.headSha === b.headSha
}

/** A person asked for another try of what was given up. */
export function reviveFailed(db: Database, itemId: number, at: number): boolean {
  const row = db.effects.find((one) => one.itemId === itemId && one.status === 'failed')
  if (!row) return false
  db.write(row, { status: 'pending', attempts: 0, nextAttemptAt: at, owedSince: at })
  return true
}
