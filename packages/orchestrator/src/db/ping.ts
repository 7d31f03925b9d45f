import type { Db } from './connect.ts'

/** Resolves when the store answers. */
export async function pingStore(db: Db): Promise<void> {
  await db.sql`select 1`
}
