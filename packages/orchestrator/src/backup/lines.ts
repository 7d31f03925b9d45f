import { BACKUP_FORMAT, BackupEnd, BackupHead, BackupRow, BackupSequences, BackupTable, FactoryError } from '@factory/shared'
import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { z } from 'zod'

export type BackupPart =
  | { is: 'head'; head: BackupHead }
  | { is: 'table'; table: BackupTable }
  /** The line itself: rows go to the database as they are. `size` is its length. */
  | { is: 'row'; line: string }
  | { is: 'sequences'; sequences: Record<string, number> }
  | { is: 'end'; rows: Record<string, number> }

/** A row is never longer than this: what is, is no backup of ours. Bytes. */
const LONGEST_LINE = 256 * 1024 * 1024

/**
 * Reads a backup part by part. The last part comes only when the file is whole and unchanged, so nothing
 * may be kept of it before.
 * @throws FactoryError `unprocessable` in words for a file that is cut, changed, or no backup
 */
export async function* readBackup(packed: Readable): AsyncGenerator<BackupPart> {
  const hash = createHash('sha256')
  const counted: Record<string, number> = {}
  let table: BackupTable | null = null
  let first = true
  let ended = false
  for await (const line of unpack(packed)) {
    const text = line.toString('utf8')
    if (ended) throw damaged('something follows its end')
    if (first) {
      first = false
      hash.update(line).update('\n')
      yield { is: 'head', head: readHead(text) }
    } else if (text.startsWith('[')) {
      if (table === null || counted[table.table] === undefined) throw damaged('it has rows of no table')
      if (parse(BackupRow, text).length !== table.columns.length) throw damaged(`a row of ${table.table} has another number of columns`)
      counted[table.table] = (counted[table.table] ?? 0) + 1
      hash.update(line).update('\n')
      yield { is: 'row', line: text }
    } else if (text.startsWith('{"end"')) {
      const { end } = parse(BackupEnd, text)
      if (end.sha256 !== hash.digest('hex')) throw damaged('its contents were changed')
      if (!Bun.deepEquals(end.rows, counted)) throw damaged('it has not the rows that it says')
      ended = true
      yield { is: 'end', rows: end.rows }
    } else if (text.startsWith('{"sequences"')) {
      hash.update(line).update('\n')
      yield { is: 'sequences', sequences: parse(BackupSequences, text).sequences }
    } else {
      table = parse(BackupTable, text)
      counted[table.table] = 0
      hash.update(line).update('\n')
      yield { is: 'table', table }
    }
  }
  if (!ended) throw damaged('it ends too early')
}

async function* unpack(packed: Readable): AsyncGenerator<Buffer> {
  const unpacked = createGunzip()
  const carried = pipeline(packed, unpacked).then(() => null, (error: unknown) => error)
  const parts: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of unpacked) {
      let rest = Buffer.from(chunk)
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        yield Buffer.concat([...parts.splice(0), rest.subarray(0, end)])
        size = 0
        rest = rest.subarray(end + 1)
      }
      size += rest.length
      if (size > LONGEST_LINE) throw damaged('a line of it has no end')
      if (rest.length > 0) parts.push(rest)
    }
  } catch (error) {
    // zlib's words ("incorrect header check", "unexpected end of file") say which it is
    if (error instanceof FactoryError) throw error
    throw damaged(error instanceof Error ? error.message : String(error))
  } finally {
    unpacked.destroy()
    await carried
  }
  if (parts.length > 0) throw damaged('its last line has no end')
}

function readHead(text: string): BackupHead {
  let head: BackupHead
  try {
    head = BackupHead.parse(JSON.parse(text))
  } catch (error) {
    throw new FactoryError('unprocessable', 'this is no backup of a factory', [], { cause: error })
  }
  if (head.format !== BACKUP_FORMAT) throw new FactoryError('unprocessable', `this backup has format ${head.format}, made by factory ${head.factory}; this factory reads format ${BACKUP_FORMAT}: restore it with a newer one`)
  return head
}

function parse<S extends z.ZodType>(schema: S, text: string): z.output<S> {
  try {
    return schema.parse(JSON.parse(text))
  } catch (error) {
    throw new FactoryError('unprocessable', 'the backup is damaged: a line of it cannot be read', [], { cause: error })
  }
}

function damaged(how: string): FactoryError {
  return new FactoryError('unprocessable', `the backup is damaged or incomplete: ${how}. Nothing was restored.`)
}
