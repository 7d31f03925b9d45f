import type { LogLine } from '@factory/shared'

/** A line with its number (from 1) among all lines that the run wrote. */
export type NumberedLine = { at: Date; cursor: number; line: LogLine }
type Piece = { at: Date; text: string; line_start: number; line_end: number }

/** The lines of a text; a last one without an end is one too. */
export function linesOf(text: string): string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/** The lines of these pieces behind line `after`. Where lines were left out, the last of them says how many. */
export function numberLines(pieces: readonly Piece[], after: number): NumberedLine[] {
  const numbered: NumberedLine[] = []
  let expected = after
  for (const { at, text, line_start: start, line_end: end } of pieces) {
    const say = (cursor: number, words: string) => numbered.push({ at, cursor, line: { at: at.toISOString(), stream: 'worker', text: words } })
    if (start > expected) say(start, `[${start - expected} lines are left out here: the run wrote more than is kept]`)
    for (const [index, words] of linesOf(text).entries()) if (start + index + 1 > expected) say(start + index + 1, words)
    expected = Math.max(expected, end)
  }
  return numbered
}
