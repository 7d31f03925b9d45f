import { BackupEnd, BackupHead, FactoryError } from '@factory/shared'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'

/** No first or last line of a backup is longer. Bytes. */
const LINE = 1024 * 1024

/**
 * Reads a backup from disk to its end: what comes back is a whole file. The checksum of gzip is held
 * against it here, that of its contents by the restore.
 * @throws FactoryError `internal` when it is not whole
 */
export async function inspectBackup(path: string): Promise<{ head: BackupHead; end: BackupEnd['end'] }> {
  let first = Buffer.alloc(0)
  const tail: Buffer[] = []
  let size = 0
  try {
    await pipeline(createReadStream(path), createGunzip(), async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) {
        if (!first.includes(10) && first.length < LINE) first = Buffer.concat([first, chunk])
        tail.push(chunk)
        size += chunk.length
        while (size - (tail[0]?.length ?? 0) > LINE) size -= tail.shift()?.length ?? 0
      }
    })
    const lines = Buffer.concat(tail).toString('utf8').split('\n')
    const head = BackupHead.parse(JSON.parse(first.toString('utf8').split('\n')[0] ?? ''))
    return { head, end: BackupEnd.parse(JSON.parse(lines.at(-2) ?? '')).end }
  } catch (error) {
    throw new FactoryError('internal', 'the backup broke off: it is not whole; the log of the orchestrator says why', [], { cause: error })
  }
}
