import type { LogLine } from '@factory/shared'

/** Something said at a time, with its number in what it comes from. null: nothing that people are shown. */
export type Said = { at: Date; cursor: number; line: LogLine | null }

/** How far a reader is: the number of Ralph's last event, and of the worker's last line. */
export type Cursor = { event: number; line: number }

/** 2^30 lines (gigabytes of output) leave room for 2^23 events below the greatest exact integer. */
const LINES = 2 ** 30

/** One number for the API, which only grows while a run speaks. */
export const cursorNumber = ({ event, line }: Cursor): number => event * LINES + line
export const cursorOf = (number: number): Cursor => ({ event: Math.floor(number / LINES), line: number % LINES })

/**
 * The next lines of both, by time; what one of them said keeps its order. Each has a place of its own in
 * the cursor, so that an event which is told late is still shown, once.
 */
export function mergeLines(events: readonly Said[], written: readonly Said[], from: Cursor, limit: number): { lines: LogLine[]; next: Cursor } {
  const lines: LogLine[] = []
  const next = { ...from }
  for (let e = 0, w = 0; lines.length < limit; ) {
    const event = events[e]
    const line = written[w]
    const first = event && line ? (event.at <= line.at ? event : line) : (event ?? line)
    if (!first) break
    if (first === event) {
      next.event = first.cursor
      e += 1
    } else {
      next.line = first.cursor
      w += 1
    }
    if (first.line) lines.push(first.line)
  }
  return { lines, next }
}
