const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** Columns a terminal takes for a text that holds no control characters. */
export const widthOf = (text: string): number => Bun.stringWidth(text)

/** A text of at most so many columns; what is cut shows as "…". */
export function fitWidth(text: string, columns: number): string {
  // A column has at most a few units; what lies far beyond needs no counting.
  const near = text.length > columns * 16 + 64 ? text.slice(0, columns * 16 + 64).toWellFormed() : text
  if (near.length === text.length && widthOf(text) <= columns) return text
  if (columns < 1) return ''
  let kept = ''
  let width = 0
  for (const { segment } of graphemes.segment(near)) {
    const more = widthOf(segment)
    if (width + more > columns - 1) break
    kept += segment
    width += more
  }
  return `${kept}…`
}
