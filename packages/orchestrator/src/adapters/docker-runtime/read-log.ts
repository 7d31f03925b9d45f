import type { LogPiece } from '../../ports/worker-runtime.ts'
import { entriesOf, pieceAfter } from './log-entries.ts'

/**
 * How far back is looked for the place that was read up to, in entries, until it is found. The engine
 * finds the last ones from the end of its file, so a worker that wrote little costs little.
 */
const LAST = [100, 2_000, 40_000, 'all'] as const

/**
 * What a container wrote behind `from`.
 * @param fetch the engine's log with times, its last entries or all
 */
export async function readLogEntries(fetch: (tail: number | 'all') => Promise<Uint8Array>, options: { from: string | null; maxBytes: number; ended: boolean }): Promise<LogPiece> {
  for (const tail of LAST) {
    const entries = entriesOf(await fetch(tail))
    const piece = pieceAfter(entries, { ...options, whole: tail === 'all' || entries.length < tail })
    if (piece) return piece
  }
  return { text: '', position: options.from ?? '' }
}
