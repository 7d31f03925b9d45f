import { z } from 'zod'

/**
 * A backup is gzip'd lines of JSON: one {@link BackupHead}; for each table a {@link BackupTable} and then its
 * rows, each an array with the text of every column (null: NULL); one {@link BackupSequences}; and one
 * {@link BackupEnd}. A file without a right end is no backup.
 */
export const BACKUP_FORMAT = 1

/** A migration of the database that the backup was made of; `checksum` is the SHA-256 of its file. */
const BackupMigration = z.object({ version: z.number().int().positive(), name: z.string(), checksum: z.string() })

export const BackupHead = z.object({
  format: z.number().int(),
  /** Version of the factory that made it. */
  factory: z.string(),
  /** All that were applied, in order. */
  migrations: z.array(BackupMigration).min(1),
  /** When its snapshot was taken. */
  at: z.iso.datetime(),
})
export type BackupHead = z.infer<typeof BackupHead>

export const BackupTable = z.object({ table: z.string(), columns: z.array(z.string()).min(1) })
export type BackupTable = z.infer<typeof BackupTable>

export const BackupRow = z.array(z.string().nullable())
export type BackupRow = z.infer<typeof BackupRow>

/** The last number that each sequence gave. */
export const BackupSequences = z.object({ sequences: z.record(z.string(), z.number().int()) })

export const BackupEnd = z.object({
  end: z.object({
    /** Rows of each table. */
    rows: z.record(z.string(), z.number().int()),
    /** SHA-256 of all lines before this one, unpacked, with their line ends. */
    sha256: z.string(),
  }),
})
export type BackupEnd = z.infer<typeof BackupEnd>

/** What a restore did. */
export const RestoreReport = z.object({
  /** When the backup was made: nothing that happened after it is known any more. */
  at: z.iso.datetime(),
  /** Version of the factory that made it. */
  factory: z.string(),
  /** Migrations that the backup lacked and that were applied to what it held. */
  migrated: z.array(z.string()),
  /** Rows of each table. */
  rows: z.record(z.string(), z.number().int()),
  /** Items whose run was under way when the backup was made; they were queued again. */
  requeued: z.array(z.number().int()),
})
export type RestoreReport = z.infer<typeof RestoreReport>
