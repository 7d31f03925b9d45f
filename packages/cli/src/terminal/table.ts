import type { Style, Tone } from './style.ts'
import { visibleLine } from './visible.ts'

export type Cell = string | { text: string; tone: Tone }
export type Column = {
  head: string
  /** Gives up width when the table is too wide; columns without it keep theirs. */
  flexible?: boolean
  right?: boolean
  /** Left out, the last one first, when a narrow terminal has no room for it. */
  optional?: boolean
}

const GAP = 2
/** A flexible column is never narrower than this, even when the line then gets too long. */
const LEAST = 8

/** Rows as aligned columns within `width`. Cells are made safe for a terminal here, once for all. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly Cell[])[], width: number, style: Style): string {
  const spare = columns.findLastIndex((column) => column.optional)
  if (spare !== -1 && leastWidth(columns, rows) > width) return renderTable(columns.toSpliced(spare, 1), rows.map((row) => row.toSpliced(spare, 1)), width, style)
  const clean = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: visibleLine(cell), tone: 'plain' as const } : { ...cell, text: visibleLine(cell.text) })))
  const wanted = columns.map((column, index) => Math.max(textWidth(column.head), ...clean.map((row) => textWidth(row[index]?.text ?? ''))))
  const widths = fit(columns, wanted, width)
  const line = (cells: readonly { text: string; tone: Tone }[]) =>
    columns
      .map((column, index) => {
        const cell = cells[index] ?? { text: '', tone: 'plain' }
        const size = widths[index] ?? 0
        const cut = cutTo(cell.text, size)
        const space = ' '.repeat(Math.max(0, size - textWidth(cut)))
        const styled = style(cell.tone, cut)
        return column.right ? space + styled : styled + space
      })
      .join(' '.repeat(GAP))
      .trimEnd()
  return [line(columns.map((column) => ({ text: column.head, tone: 'quiet' }))), ...clean.map(line)].join('\n')
}

function leastWidth(columns: readonly Column[], rows: readonly (readonly Cell[])[]): number {
  const widest = (index: number) => Math.max(textWidth(columns[index]?.head ?? ''), ...rows.map((row) => textWidth(visibleLine(plainText(row[index])))))
  return columns.reduce((sum, column, index) => sum + (column.flexible ? Math.min(LEAST, widest(index)) : widest(index)), GAP * (columns.length - 1))
}

function plainText(cell: Cell | undefined): string {
  return cell === undefined ? '' : typeof cell === 'string' ? cell : cell.text
}

/** Takes what is too much from the widest flexible column, again and again, until the line fits. */
function fit(columns: readonly Column[], wanted: readonly number[], width: number): number[] {
  const widths = [...wanted]
  let excess = widths.reduce((sum, size) => sum + size, 0) + GAP * (columns.length - 1) - width
  while (excess > 0) {
    let widest = -1
    for (const [index, column] of columns.entries()) {
      const size = widths[index] ?? 0
      if (column.flexible && size > LEAST && (widest === -1 || size > (widths[widest] ?? 0))) widest = index
    }
    if (widest === -1) break
    widths[widest] = (widths[widest] ?? 0) - 1
    excess -= 1
  }
  return widths
}

export function textWidth(text: string): number {
  return Bun.stringWidth(text)
}

/** At most `width` columns; what is cut off is shown by an ellipsis. */
export function cutTo(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  let cut = ''
  let used = 0
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    const size = textWidth(segment)
    if (used + size > width - 1) break
    cut += segment
    used += size
  }
  return `${cut}…`
}

/** Lines of at most `width`, broken between words; a longer word stands alone and stays whole, to be copied. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && textWidth(last) + 1 + textWidth(word) <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
