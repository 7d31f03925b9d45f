import type { Range, Source } from './language.ts'
import { linesOf } from './lines.ts'

const NEVER = /\b(?:if|while)\s*\(?\s*(?:false|0)\s*(?:&&[^{;\n]{1,300}?)?\)?\s*\{/g
/** The same before a single statement, where a condition stands in brackets. */
const NEVER_ONE = /(?<![\w$.])(?:if|while)\s*\(\s*(?:false|0)\s*(?=\)|&&)/g
/** How far the end of a statement is looked for; a longer one counts as ended there. */
const STATEMENT = 2000

/** In languages of braces: blocks under `if (false)`, and what follows a return that has no condition. */
export function deadInBraces({ code, shape }: Source): Range[] {
  const ranges: Range[] = []
  for (const match of code.matchAll(NEVER)) {
    const open = match.index + match[0].length - 1
    ranges.push({ start: open, end: shape.close(open) })
  }
  for (const match of code.matchAll(NEVER_ONE)) {
    const close = shape.close(match.index + match[0].indexOf('('))
    if (/^\s*[^\s{]/.test(code.slice(close + 1, close + 200))) ranges.push({ start: close, end: statementEnd(code, close + 1, shape.close) })
  }
  for (const match of code.matchAll(/\breturn\b/g)) {
    const block = shape.around(match.index)
    if (block < 0 || code[block] !== '{' || !isStatement(code, match.index)) continue
    const start = statementEnd(code, match.index + 6, shape.close)
    const next = code.slice(start, Math.min(shape.close(block), start + STATEMENT)).search(/\b(?:case|default)\b/)
    ranges.push({ start, end: next < 0 ? shape.close(block) : start + next })
  }
  return ranges
}

/** Not the branch of an `if` without braces, nor of an arm or a label. */
function isStatement(code: string, at: number): boolean {
  const before = code.slice(Math.max(0, at - 40), at).trimEnd()
  return /[;{}]$/.test(before) || (/\n\s*$/.test(code.slice(Math.max(0, at - 200), at)) && !/(?:\)|\belse|=>|:|\|\||&&|\?)$/.test(before))
}

export function statementEnd(code: string, from: number, close: (open: number) => number): number {
  const limit = Math.min(code.length, from + STATEMENT)
  let said = false
  let at = from
  while (at < limit) {
    const char = code[at] ?? ''
    if (char === ';' || char === '}' || char === ')') return at
    if (char === '\n' && (!said || !/^\s*[.?&|+]/.test(code.slice(at, at + 80)))) return at
    if ('([{'.includes(char)) at = close(at)
    if (char.trim() !== '') said = true
    at += 1
  }
  return Math.min(at, code.length)
}

/** In Python: what follows a return at its own indentation, and blocks under `if False:`. */
export function deadInIndents(source: Source): Range[] {
  const ranges: Range[] = []
  let dead: { from: number; indent: number } | null = null
  for (const line of linesOf(source)) {
    if (dead && line.indent < dead.indent) {
      ranges.push({ start: dead.from, end: line.start })
      dead = null
    }
    if (dead) continue
    if (/^return\b/.test(line.words)) dead = { from: line.end, indent: line.indent }
    else if (/^(?:if|while)\s*\(?\s*(?:False|0)\s*(?:\band\b.*)?\)?\s*:/.test(line.words)) dead = { from: line.start, indent: line.indent + 1 }
  }
  if (dead) ranges.push({ start: dead.from, end: source.code.length })
  return ranges
}

/** The same ranges, sorted, those that touch made one. */
export function mergeRanges(ranges: readonly Range[]): Range[] {
  const merged: Range[] = []
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1)
    if (last && range.start <= last.end) last.end = Math.max(last.end, range.end)
    else if (range.end > range.start) merged.push({ ...range })
  }
  return merged
}
