import type { Database } from './database.ts'

export type Look = { leads: boolean; epoch: number; seenAt: number | null; now: number }

/** `take_lead`: takes, keeps or only watches the lead. */
export function takeLead(db: Database, holder: string, seconds: number): Look {
  const { leader } = db
  const now = db.now()
  const { seenAt } = leader
  if (leader.expiresAt <= now || leader.expiresAt > now + 2000 * seconds) {
    db.kernel.count(leader.holder === holder ? 'lead taken again' : 'lead taken')
    db.write(leader, { holder, epoch: leader.epoch + 1, expiresAt: now + seconds * 1000, seenAt: now })
  } else if (leader.holder === holder) db.write(leader, { expiresAt: now + seconds * 1000, seenAt: now })
  else db.write(leader, { seenAt: now })
  return { leads: leader.holder === holder, epoch: leader.epoch, seenAt, now }
}

/** `stop_leading` */
export function stopLeading(db: Database, holder: string, epoch: number): void {
  if (db.leader.holder === holder && db.leader.epoch === epoch) db.write(db.leader, { expiresAt: 0 })
}
