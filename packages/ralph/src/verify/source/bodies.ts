import { statementEnd } from './dead.ts'
import type { Declared, Source } from './language.ts'
import { linesOf, type CodeLine } from './lines.ts'

/** How far after a declaration its body may begin. */
const HEADER = 600

/**
 * Declarations in a language of braces: group 1 of the expression is the name, group 2 another way to
 * write it. Without a brace the body is what follows up to the end of the statement.
 */
export function inBraces(source: Source, expression: RegExp): Declared[] {
  const { code, shape } = source
  return [...code.matchAll(expression)].flatMap((match) => {
    const name = match[1] ?? match[2]
    if (!name) return []
    const after = match.index + match[0].length
    const open = bodyOpen(source, after)
    const end = open < 0 ? statementEnd(code, after, shape.close) : shape.close(open) + 1
    return [{ name, start: match.index, body: open < 0 ? after : open, end }]
  })
}

/** The brace that opens a body: not one in brackets, and before the statement ends. */
export function bodyOpen({ code, shape }: Source, from: number): number {
  for (let at = from; at < Math.min(code.length, from + HEADER); at += 1) {
    const char = code[at]
    if (char === '{') return at
    if (char === ';') return -1
    if (char === '(' || char === '[') at = shape.close(at)
  }
  return -1
}

/** Moves the start of a declaration up over the lines right above it that belong to it. */
export function withLinesAbove({ text }: Source, start: number, belongs: RegExp): number {
  let top = text.lastIndexOf('\n', start - 1) + 1
  for (;;) {
    const above = text.lastIndexOf('\n', top - 2) + 1
    if (top === 0 || !belongs.test(text.slice(above, top - 1))) return top
    top = above
  }
}

/** Declarations in a language of indentation; group 1 is the name. Decorators above belong to them. */
export function inIndents(source: Source, expression: RegExp): Declared[] {
  const found: (Declared & { indent: number })[] = []
  const open: (Declared & { indent: number })[] = []
  let decorated: CodeLine | null = null
  for (const line of linesOf(source)) {
    while (open.length > 0 && line.indent <= (open.at(-1)?.indent ?? -1)) {
      const closed = open.pop()
      if (closed) closed.end = (decorated ?? line).start
    }
    if (line.words.startsWith('@')) {
      decorated ??= line
      continue
    }
    const match = expression.exec(line.words)
    if (match?.[1]) {
      const declared = { name: match[1], start: decorated?.start ?? line.start, body: line.end, end: source.code.length, indent: line.indent }
      found.push(declared)
      open.push(declared)
    }
    decorated = null
  }
  return found.map(({ name, start, body, end }) => ({ name, start, body, end }))
}
