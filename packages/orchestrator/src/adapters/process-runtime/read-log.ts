import { open } from 'node:fs/promises'
import type { LogPiece } from '../../ports/worker-runtime.ts'
import { decodeOutput, pieceEnd, pieceLimit } from '../cut-output.ts'

/**
 * What a log file holds behind `from`, which is a number of bytes. A file that is shorter than that (the
 * machine crashed before it was on disk) has nothing new: what was there has been read.
 */
export async function readLogFile(path: string, options: { ended: boolean; from: string | null; maxBytes: number }): Promise<LogPiece> {
  const start = Number(options.from ?? 0)
  if (!Number.isSafeInteger(start) || start < 0) throw new Error(`"${options.from}" is no position in a log`)
  const bytes = await readFrom(path, start, pieceLimit(options.maxBytes) + 1)
  const end = pieceEnd(bytes, options.maxBytes, options.ended)
  return { text: decodeOutput(bytes.subarray(0, end)), position: String(start + end) }
}

async function readFrom(path: string, start: number, length: number): Promise<Uint8Array> {
  let file
  try {
    file = await open(path, 'r')
  } catch (error) {
    // Made, but not begun.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Uint8Array()
    throw error
  }
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
