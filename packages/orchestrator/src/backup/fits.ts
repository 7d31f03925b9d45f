import { FactoryError, type BackupHead } from '@factory/shared'
import type { Migration } from '../db/migrate.ts'

/**
 * Which migrations a backup's rows still need.
 * @throws FactoryError `unprocessable` when this version of the factory cannot make them fit
 */
export function migrationsToDo(head: BackupHead, known: readonly Migration[]): Migration[] {
  for (const applied of head.migrations) {
    const file = known.find((one) => one.version === applied.version)
    if (!file) throw new FactoryError('unprocessable', `the backup is of a newer factory (${head.factory}, with ${applied.name}): restore it with that version or a later one`)
    if (file.checksum !== applied.checksum) throw new FactoryError('unprocessable', `the backup is of a factory whose ${applied.name} is another one than here: restore it with the version that made it (${head.factory})`)
  }
  const last = Math.max(...head.migrations.map((one) => one.version))
  return known.filter((one) => one.version > last)
}
