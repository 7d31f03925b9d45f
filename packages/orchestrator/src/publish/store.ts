import { json, type Query, type Tx } from '../db/connect.ts'

export type EffectRow = { id: number; item_id: number; kind: string; payload: unknown; status: string; attempts: number }

/** One row per item and kind, for ever: recording it again points the same effect at newer work. */
export async function upsertEffect(tx: Tx, effect: { itemId: number; kind: 'pull_request'; payload: unknown; at: Date }): Promise<void> {
  await tx`insert into effects (item_id, kind, payload, next_attempt_at) values (${effect.itemId}, ${effect.kind}, ${json(tx, effect.payload)}, ${effect.at})
    on conflict (item_id, kind) do update set payload = excluded.payload, status = 'pending', attempts = 0, next_attempt_at = excluded.next_attempt_at, last_error = null`
}

export async function loadDueEffects(q: Query, at: Date, limit: number): Promise<EffectRow[]> {
  return q<EffectRow[]>`select e.id, e.item_id, e.kind, e.payload, e.status, e.attempts from effects e join work_items i on i.id = e.item_id
    where e.status = 'pending' and e.next_attempt_at <= ${at} and i.status = 'publishing' order by e.next_attempt_at limit ${limit}`
}

export async function lockEffect(tx: Tx, id: number): Promise<EffectRow | null> {
  const rows = await tx<EffectRow[]>`select id, item_id, kind, payload, status, attempts from effects where id = ${id} for update`
  return rows[0] ?? null
}

export async function setEffectDone(tx: Tx, id: number, result: unknown, at: Date): Promise<void> {
  await tx`update effects set status = 'done', result = ${json(tx, result)}, done_at = ${at}, attempts = attempts + 1, last_error = null where id = ${id}`
}

export async function setEffectFailed(tx: Tx, id: number, error: string, next: Date | null): Promise<void> {
  await tx`update effects set attempts = attempts + 1, last_error = ${error}, status = ${next === null ? 'failed' : 'pending'},
    next_attempt_at = ${next ?? new Date(0)} where id = ${id}`
}

/** Sets an effect that was given up to be tried again; false when there is none to revive. */
export async function reviveFailed(tx: Tx, itemId: number, at: Date): Promise<boolean> {
  const rows = await tx`update effects set status = 'pending', attempts = 0, next_attempt_at = ${at} where item_id = ${itemId} and status = 'failed' returning id`
  return rows.length > 0
}

/** Being told to wait is no failed try: only the time moves. */
export async function setEffectWaiting(tx: Tx, id: number, said: string, next: Date): Promise<void> {
  await tx`update effects set last_error = ${said}, next_attempt_at = ${next} where id = ${id}`
}

/** The effect, while its item is publishing and it is still to be carried out. */
export async function loadOwed(q: Query, id: number): Promise<EffectRow | null> {
  const rows = await q<EffectRow[]>`select e.id, e.item_id, e.kind, e.payload, e.status, e.attempts from effects e join work_items i on i.id = e.item_id
    where e.id = ${id} and e.status = 'pending' and i.status = 'publishing'`
  return rows[0] ?? null
}

/** Since when the pull request is owed: its work was verified, or a person asked for another try. */
export async function loadOwedSince(q: Query, itemId: number): Promise<Date | null> {
  const rows = await q<{ at: Date }[]>`select at from work_events where item_id = ${itemId}
    and (type = 'effect.recorded' or (type = 'work.status' and data->>'to' = 'publishing')) order by seq desc limit 1`
  return rows[0]?.at ?? null
}
