import { pause, type Logger } from '@factory/shared'
import { isStoreAway } from './away.ts'
import type { StoreWatch } from './watch.ts'

/**
 * Migrates the database as soon as it answers, however long that takes.
 * @throws MigrationError, or what else waiting does not mend
 */
export async function openStore(store: { migrate(): Promise<string[]> }, watch: StoreWatch | null, log: Logger): Promise<string[]> {
  for (;;) {
    await watch?.answered()
    try {
      return await store.migrate()
    } catch (error) {
      if (watch === null || !isStoreAway(error)) throw error
      log.warn({ err: error }, 'the database went away while it was opened; waiting for it')
      await pause(200)
    }
  }
}
