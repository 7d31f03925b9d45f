import { ACCOUNT_TRANSITIONS, type AccountState } from '@factory/shared'
import type { Database } from './database.ts'
import { recordEvent } from './items.ts'

/** Every change of the account's state. @throws Error when it is none that is allowed: then the model is wrong */
export function moveAccount(db: Database, to: AccountState, set: { pausedUntil: number | null; canaryRunId: number | null }): void {
  const { account } = db
  if (account.state !== to && !(ACCOUNT_TRANSITIONS[account.state] as readonly AccountState[]).includes(to)) throw new Error(`the account is ${account.state}; it cannot become ${to}`)
  db.write(account, { state: to, ...set })
}

/** `pause_account`: lengthens a pause, never shortens it. */
export function pauseAccount(db: Database, until: number, itemId: number, runId: number): void {
  const { account } = db
  if (account.state === 'paused' && (account.pausedUntil ?? 0) >= until) return
  db.kernel.count(`account ${account.state} → paused`)
  moveAccount(db, 'paused', { pausedUntil: until, canaryRunId: null })
  db.write(account, { limitedAt: db.kernel.now })
  recordEvent(db, 'account.paused', itemId, runId)
}

/** `judge_canary`: what the run that tries the account showed. */
export function judgeCanary(db: Database, runId: number, itemId: number, answered: boolean, at: number): void {
  const { account } = db
  if (account.state !== 'probing' || account.canaryRunId !== runId) return
  if (answered) {
    db.kernel.count('canary opened the account')
    moveAccount(db, 'open', { pausedUntil: null, canaryRunId: null })
    recordEvent(db, 'account.opened', itemId, runId)
  } else {
    db.kernel.count('canary found nothing out')
    moveAccount(db, 'paused', { pausedUntil: at, canaryRunId: null })
  }
}
