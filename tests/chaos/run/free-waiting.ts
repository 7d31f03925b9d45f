import type { World } from '../world/world.ts'

/**
 * Frees items that wait a minute for a file, as a person who sees that its holder has ended would: the lock of a
 * lost run is met now and then before it is cleaned up after.
 */
export async function freeWaiting({ db, clients }: Pick<World, 'db' | 'clients'>): Promise<void> {
  const rows = await db.sql<{ id: number }[]>`select id from work_items where wait_code = 'file_conflict' and not_before > clock_timestamp()`
  for (const { id } of rows) {
    for (const client of clients) if (await client.call('retryWork', { params: { id }, body: { reason: 'the file is free by now' } }).then(() => true, () => false)) break
  }
}
