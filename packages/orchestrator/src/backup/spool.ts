import { randomUUID } from 'node:crypto'
import { mkdir, open, unlink, type FileHandle } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'

export type Spool = {
  /** From its beginning; any number of times. */
  read(): Readable
  close(): Promise<void>
}

const CHUNK_BYTES = 256 * 1024

/**
 * Writes a stream into a file in `dataDir` that has no name: it goes with this process, whatever way that
 * ends. For what must be whole before it is used, or must not wait for a slow reader.
 */
export async function spool(source: Readable, dataDir: string): Promise<Spool> {
  const directory = resolve(dataDir)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, `spool-${randomUUID()}`)
  const file = await open(path, 'w+', 0o600)
  try {
    await unlink(path)
    for await (const chunk of source) await file.writeFile(chunk)
  } catch (error) {
    await file.close()
    throw error
  }
  return { read: () => Readable.from(chunksOf(file)), close: () => file.close() }
}

async function* chunksOf(file: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, position)
    if (bytesRead === 0) return
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
