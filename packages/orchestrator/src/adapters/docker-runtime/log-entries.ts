import type { LogPiece } from '../../ports/worker-runtime.ts'
import { decodeOutput, pieceEnd, pieceLimit } from '../cut-output.ts'

/** One entry of the engine's log: a line, or 16 KiB of a longer one. `at` has nanoseconds and sorts as text. */
export type Entry = { at: string; bytes: Uint8Array }

/**
 * Up to where was read: the entry's time, which of the entries of that very time it is (from 1, in the
 * log's order), and how many of its bytes. Times are a name here and nothing more: two streams are
 * written down a little out of order, and a clock may be set back.
 */
type Position = { at: string; ordinal: number; bytes: number }

const POSITION = /^(\S+)#(\d+)\+(\d+)$/
const HEADER = 8
const SPACE = 0x20
const GAP = '[the engine threw older output away before it was read: some is missing here]\n'

/** The engine's answer was cut off: what is there says nothing about what is missing. */
export class CutAnswer extends Error {
  constructor() {
    super("the engine's answer was cut off in the middle of a log")
    this.name = 'CutAnswer'
  }
}

/** Reads a log that was asked for with times. Each frame (1 byte stream, 3 zero, 4 length) holds one entry. */
export function entriesOf(raw: Uint8Array): Entry[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  const entries: Entry[] = []
  for (let at = 0; at < raw.length; ) {
    const begin = at + HEADER
    const end = begin > raw.length ? Infinity : begin + view.getUint32(at + 4)
    if (end > raw.length) throw new CutAnswer()
    const frame = raw.subarray(begin, end)
    const blank = frame.indexOf(SPACE)
    if (blank < 0) throw new CutAnswer()
    entries.push({ at: decodeOutput(frame.subarray(0, blank)), bytes: frame.subarray(blank + 1) })
    at = end
  }
  return entries
}

/**
 * What follows `from` in these last entries of a log, or null when they do not reach back to it.
 * @param whole the entries are all that the engine has: what is not among them was thrown away
 */
export function pieceAfter(entries: readonly Entry[], options: { from: string | null; maxBytes: number; ended: boolean; whole: boolean }): LogPiece | null {
  const { from, whole } = options
  if (!from) return whole ? cut(entries, 0, 0, options) : null
  const position = parse(from)
  const index = locate(entries, position, whole)
  if (index !== null) return cut(entries, index, position.bytes, options)
  if (!whole) return null
  const newer = entries.findIndex((entry) => entry.at > position.at)
  const piece = newer < 0 ? null : cut(entries, newer, 0, options)
  return piece && piece.text !== '' ? { ...piece, text: GAP + piece.text } : { text: '', position: from }
}

function parse(text: string): Position {
  const [, at, ordinal, bytes] = POSITION.exec(text) ?? []
  if (!at || !ordinal || !bytes) throw new Error(`"${text}" is no position in a log`)
  return { at, ordinal: Number(ordinal), bytes: Number(bytes) }
}

function locate(entries: readonly Entry[], position: Position, whole: boolean): number | null {
  // Others of the same time may stand before the first: which one this is cannot be told from here.
  if (!whole && entries[0]?.at === position.at) return null
  let ordinal = 0
  for (const [index, entry] of entries.entries()) {
    if (entry.at === position.at && (ordinal += 1) === position.ordinal) return index
  }
  return null
}

/** The next piece from byte `skip` of entry `index` on. */
function cut(entries: readonly Entry[], index: number, skip: number, options: { from: string | null; maxBytes: number; ended: boolean }): LogPiece {
  const limit = pieceLimit(options.maxBytes)
  const parts: Uint8Array[] = []
  for (let at = index, length = -skip; at < entries.length && length <= limit; at++) {
    const { bytes } = entries[at] ?? { bytes: new Uint8Array() }
    parts.push(at === index ? bytes.subarray(skip) : bytes)
    length += bytes.length
  }
  const unread = Buffer.concat(parts)
  const end = pieceEnd(unread, options.maxBytes, options.ended)
  if (end === 0) return { text: '', position: options.from ?? '' }
  let last = index
  let left = skip + end
  for (let size = entries[last]?.bytes.length ?? 0; left > size; size = entries[last]?.bytes.length ?? 0) {
    left -= size
    last += 1
  }
  const at = entries[last]?.at ?? ''
  const ordinal = entries.slice(0, last + 1).filter((entry) => entry.at === at).length
  return { text: decodeOutput(unread.subarray(0, end)), position: `${at}#${ordinal}+${left}` }
}
