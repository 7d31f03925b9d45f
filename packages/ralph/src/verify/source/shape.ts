/** Which bracket closes which, and which one every character stands in. */
export type Shape = {
  /** For the offset of an opening bracket that of its closing one; the text's length where none closes it. */
  close: (open: number) => number
  /** The innermost opening bracket around an offset, or -1. */
  around: (offset: number) => number
}

const OPEN = '([{'
const CLOSE = ')]}'

/** Brackets of code without comments and strings, in one pass. A bracket too many is passed over. */
export function shapeOf(code: string): Shape {
  const closes = new Int32Array(code.length).fill(code.length)
  const inside = new Int32Array(code.length + 1).fill(-1)
  const stack: number[] = []
  const open = [0, 0, 0]
  for (let at = 0; at < code.length; at += 1) {
    const char = code.charAt(at)
    const closing = CLOSE.indexOf(char)
    if (closing >= 0 && (open[closing] ?? 0) > 0) {
      for (let kind = -1; kind !== closing; ) {
        const top = stack.pop()
        if (top === undefined) break
        kind = OPEN.indexOf(code.charAt(top))
        open[kind] = (open[kind] ?? 0) - 1
        closes[top] = at
      }
    }
    inside[at] = stack.at(-1) ?? -1
    const opening = OPEN.indexOf(char)
    if (opening >= 0) {
      stack.push(at)
      open[opening] = (open[opening] ?? 0) + 1
    }
  }
  inside[code.length] = stack.at(-1) ?? -1
  return { close: (at) => closes[at] ?? code.length, around: (offset) => inside[offset] ?? -1 }
}
