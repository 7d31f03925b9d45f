import type { Source } from './language.ts'

/** A line of Python that begins a statement. A tab counts as eight columns. */
export type CodeLine = { start: number; end: number; indent: number; words: string }

/** Lines with code on them that do not go on an open bracket; `words` is the code without its indentation. */
export function linesOf({ code, shape }: Source): CodeLine[] {
  const lines: CodeLine[] = []
  let start = 0
  while (start < code.length) {
    const found = code.indexOf('\n', start)
    const end = found === -1 ? code.length : found
    const raw = code.slice(start, end)
    const words = raw.trim()
    if (words !== '' && shape.around(start) < 0) lines.push({ start, end, indent: columns(raw), words })
    start = end + 1
  }
  return lines
}

function columns(line: string): number {
  let count = 0
  for (const char of line) {
    if (char === ' ') count += 1
    else if (char === '\t') count += 8 - (count % 8)
    else break
  }
  return count
}
