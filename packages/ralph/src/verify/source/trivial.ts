import type { AssertionForm, Source } from './language.ts'

/** Longer expressions are taken to say something. */
const LONGEST = 2000
const CONSTANTS = new Set(['true', 'false', 'True', 'False', 'None', 'null', 'nil', 'undefined', 'NaN', 'Infinity', 'not', 'and', 'or', 'is', 'in', 'typeof', 'void', 'new', 'assert'])

/** Calls that fail when they are reached, whatever they are given. */
const FAILS = /(?:fail|unreachable)\w*\s*\($/i

const SUBJECT = /(?:^|\W)(?:expect(?:\s*\.\s*soft)?|assertThat)\s*\($/

/** Whether an assertion holds whatever the code under test does: it compares constants, or a thing with itself. */
export function assertsNothing(source: Source, match: RegExpExecArray, judged: AssertionForm['judged']): boolean {
  if (judged === 'never' || FAILS.test(match[0])) return false
  const after = match.index + match[0].length
  if (judged === 'statement') return constantStatement(source, after)
  const close = source.shape.close(after - 1)
  // `expect(x)` says what is looked at and nothing about it.
  if (SUBJECT.test(match[0]) && !/^\s*[.!]/.test(source.code.slice(close + 1, close + 200))) return true
  const calls = callsFrom(source, after - 1)
  const [first] = calls
  if (!first) return false
  if (judged === 'chain' && calls.length > 1) {
    const parts = calls.map((range) => partsOf(source, range))
    if (parts.every((part, index) => part.every((one) => isConstant(one) || (index === 0 && isTrue(one))))) return true
    return calls.length === 2 && same(parts[0]?.[0], parts[1]?.[0])
  }
  const parts = partsOf(source, first).slice(judged === 'rest' ? 1 : 0)
  if (parts.length === 0) return /^(?:expect|assert)\s*\($/.test(match[0])
  // The last of several may be a message.
  return parts.every((part, index) => isConstant(part) || (index === 0 && isTrue(part))) || (parts.length > 1 && same(parts[0], parts[1]))
}

type Part = { text: string; code: string }

/** `assert x, "message"` in Python: up to the end of the line, brackets taken whole. */
function constantStatement({ text, code, shape }: Source, from: number): boolean {
  let at = from
  while (at < code.length && at < from + LONGEST && code[at] !== '\n' && code[at] !== ';') {
    const char = code[at] ?? ''
    if (char === ',') break
    if ('([{'.includes(char)) at = shape.close(at)
    at += 1
  }
  const part = { text: text.slice(from, at), code: code.slice(from, at) }
  if (isTuple({ text, code, shape }, from, at) || isConstant(part) || isTrue(part)) return true
  const sides = part.text.split('==')
  return sides.length === 2 && same({ text: sides[0] ?? '', code: sides[0] ?? '' }, { text: sides[1] ?? '', code: sides[1] ?? '' })
}

/** A tuple is true, whatever stands in it. */
function isTuple(source: Source, from: number, to: number): boolean {
  const open = from + (/^\s*/.exec(source.code.slice(from, to))?.[0].length ?? 0)
  if (source.code[open] !== '(') return false
  const close = source.shape.close(open)
  return source.code.slice(close + 1, to).trim() === '' && partsOf(source, { start: open + 1, end: close }).length > 1
}

/** The bracket at `open` and those of the calls chained to it: `expect(a).not.toBe(b)` gives two. */
function callsFrom({ code, shape }: Source, open: number): { start: number; end: number }[] {
  const calls: { start: number; end: number }[] = []
  let at = open
  while (code[at] === '(' && calls.length < 20) {
    const close = shape.close(at)
    calls.push({ start: at + 1, end: close })
    const chained = /^(?:\s*\.\s*\w+)+\s*(?:<[^>()]*>)?\s*(?=\()/.exec(code.slice(close + 1, close + 200))
    if (!chained) break
    at = close + 1 + chained[0].length
  }
  return calls
}

/** Arguments, split at the commas that stand in no bracket of their own. */
function partsOf({ text, code, shape }: Source, { start, end }: { start: number; end: number }): Part[] {
  if (end - start > LONGEST) return [{ text: text.slice(start, end), code: 'long' }]
  const parts: Part[] = []
  let from = start
  for (let at = start; at <= end; at += 1) {
    if (at === end || code[at] === ',') {
      if (text.slice(from, at).trim() !== '') parts.push({ text: text.slice(from, at), code: code.slice(from, at) })
      from = at + 1
    } else if ('([{'.includes(code[at] ?? '')) at = shape.close(at)
  }
  return parts
}

/** Nothing but literals and operators. */
function isConstant({ text, code }: Part): boolean {
  if (code.length > LONGEST || text.includes('${')) return false
  return (code.match(/[\p{L}_$][\p{L}\p{N}_$]*/gu) ?? []).every((word) => CONSTANTS.has(word))
}

/** `x || true`, `True or x`: holds whatever x is. Not where it is but a branch or a function's body. */
function isTrue({ code }: Part): boolean {
  const bare = /^\s*\(([^()]*)\)\s*$/.exec(code)?.[1] ?? code
  return !/=>|\?(?!\?)/.test(bare) && /^\s*(?:true\s*\|\||(?:True|1)\s+or\b)|(?:\|\|\s*true|\bor\s+(?:True|1)\s*\)?)\s*$/.test(bare)
}

/** A thing compared with itself, without a call that could give two different answers. */
function same(one: Part | undefined, other: Part | undefined): boolean {
  if (!one || !other || one.text.includes('(')) return false
  return one.text.replace(/\s+/g, '') === other.text.replace(/\s+/g, '')
}
