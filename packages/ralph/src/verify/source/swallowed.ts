import type { Range, Source } from './language.ts'
import { linesOf, type CodeLine } from './lines.ts'

/** In a handler: the failure goes on, or something else is asserted. */
const GOES_ON = /\bthrow\b|\braise\b|fail|\breject\b|\bdone\s*\(|\bnext\s*\(|exit\b|expect|assert|should|verify|\bcheck|\bensure/i
/** After it: a loop that tries again gives up in the end. */
const GIVES_UP = /\bthrow\b|\braise\b|\bfail\w*\s*\(/
/** How far the begin of a statement, or what follows it, is looked for. */
const REACH = 2000

/**
 * JavaScript: what stands in a `try` whose `catch` lets nothing out, and before a `.catch(…)` whose
 * function lets nothing out. An assertion there fails without anybody hearing of it.
 */
export function swallowedInBraces(source: Source): Range[] {
  const { code, shape } = source
  const ranges: Range[] = []
  for (const match of code.matchAll(/\btry\s*\{/g)) {
    const open = match.index + match[0].length - 1
    const close = shape.close(open)
    const handler = /^\s*catch\s*(?:\([^)]{0,200}\)\s*)?\{/.exec(code.slice(close + 1, close + 400))
    if (!handler) continue
    const from = close + handler[0].length
    const end = shape.close(from)
    const after = code.slice(end, Math.min(end + REACH, functionEnd(source, match.index)))
    if (!GOES_ON.test(code.slice(from, Math.min(end, from + REACH))) && !GIVES_UP.test(after)) ranges.push({ start: open, end: close })
  }
  for (const match of code.matchAll(/\.\s*catch\s*\(/g)) {
    const open = match.index + match[0].length - 1
    const handler = code.slice(open, Math.min(shape.close(open), open + REACH))
    // A function by its name may do anything.
    if (/=>|\bfunction\b/.test(handler) && !GOES_ON.test(handler)) ranges.push({ start: statementStart(source, match.index), end: match.index })
  }
  return ranges
}

/** Where the function around an offset ends, loops and conditions inside of it passed over. */
function functionEnd({ code, shape }: Source, at: number): number {
  let open = shape.around(at)
  for (let step = 0; step < 5 && open > 0; step += 1) {
    const outer = shape.around(open)
    if (code[outer] !== '{' || /(?:=>|\bfunction\b[^{}\n]*)\s*$/.test(code.slice(Math.max(0, open - 120), open))) break
    open = outer
  }
  return open < 0 ? code.length : shape.close(open)
}

function statementStart({ code, shape }: Source, at: number): number {
  const level = shape.around(at)
  const limit = Math.max(level + 1, at - REACH)
  let start = at
  for (; start > limit; start -= 1) {
    if (shape.around(start - 1) !== level) continue
    const char = code[start - 1]
    if (char === ';' || char === ',' || (char === '\n' && !/^\s*[.?&|+)]/.test(code.slice(start, start + 80)))) break
  }
  return start
}

const SUPPRESSES = /^(?:async\s+)?with\b.*\bsuppress\s*\([^)]*\b(?:AssertionError|Exception|BaseException)\b/
const CATCHES = /^except\s*\*?\s*:|^except\b[^:]*\b(?:AssertionError|Exception|BaseException)\b/

/** Python: the same for `with suppress(…)` and for `try` with an `except` that takes failed assertions. */
export function swallowedInIndents(source: Source): Range[] {
  const lines = linesOf(source)
  const ranges: Range[] = []
  /** The first line from `at` on that is no deeper than `indent`. */
  const leave = (at: number, indent: number): number => {
    let next = at
    while ((lines[next]?.indent ?? -1) > indent) next += 1
    return next
  }
  const startOf = (line: CodeLine | undefined): number => line?.start ?? source.code.length
  for (const [at, line] of lines.entries()) {
    const suppresses = SUPPRESSES.test(line.words)
    if (!suppresses && !/^try\s*:/.test(line.words)) continue
    const next = leave(at + 1, line.indent)
    if (suppresses) {
      ranges.push({ start: line.start, end: startOf(lines[next]) })
      continue
    }
    let swallows = false
    let end = next
    for (let handler = lines[end]; handler?.indent === line.indent && /^except\b/.test(handler.words); handler = lines[end]) {
      end = leave(end + 1, line.indent)
      if (CATCHES.test(handler.words) && !GOES_ON.test(source.code.slice(handler.start, startOf(lines[end])).replace(/\bAssertionError\b/g, ''))) swallows = true
    }
    if (swallows && !givesUp(lines, end)) ranges.push({ start: line.start, end: startOf(lines[next]) })
  }
  return ranges
}

/** Up to the next function. */
function givesUp(lines: readonly CodeLine[], from: number): boolean {
  for (const line of lines.slice(from, from + 20)) {
    if (/^(?:async\s+)?(?:def|class)\b/.test(line.words)) return false
    if (GIVES_UP.test(line.words)) return true
  }
  return false
}
