import { DOUBLE, SINGLE } from '../blank.ts'
import { inBraces } from '../bodies.ts'
import { deadInBraces } from '../dead.ts'
import type { Declared, Language, Source } from '../language.ts'
import { swallowedInBraces } from '../swallowed.ts'

const TEST = /(?<![\w$.])(?:Deno\s*\.\s*test|it|test|specify|xit|xtest|xspecify|fit)((?:\s*\.\s*\w+)*)\s*(?=[(`<])/g
const NO_TEST = /\.\s*(?:describe|suite|before\w*|after\w*|use|step|extend|setTimeout|setSystemTime|configure|info|expect|mock|slow|hooks?)\b/
/** Of what `it.each(table)('title', …)` is called with first. */
const CURRIED = /\.\s*(?:each|for|\w*[iI]f)\b/

/** Jest, Vitest, bun test, node:test, Mocha, AVA, Playwright, Deno. */
export const javascript: Language = {
  name: 'JavaScript',
  files: /\.[cm]?[jt]sx?$/,
  inline: null,
  syntax: { lineComments: ['//'], blockComments: 'flat', strings: [SINGLE, DOUBLE], javascript: true },
  declare,
  functions: (source) => inBraces(source, /(?<![\w$.])(?:function\s*\*?\s*([\w$]+)|(?:const|let|var)\s+([\w$]+)\s*(?::[^=\n]{1,100})?=\s*(?:async\s*)?(?:function\b|(?=\([^\n]*=>|[\w$]+\s*=>)))/g),
  assertions: [
    { match: /(?<![\w$.])(?:expect|expectTypeOf|assertType)\s*(?:\.\s*(?!assertions|hasAssertions)\w+\s*)?\(/g, judged: 'chain' },
    { match: /(?<![\w$.])assert\s*(?:\.\s*\w+\s*)*\(/g, judged: 'chain' },
    { match: /(?<![\w$.])(?:strictEqual|deepEqual|deepStrictEqual|notStrictEqual|notDeepStrictEqual|equal|ok|throws|rejects|match|doesNotThrow)\s*\(/g, judged: 'chain' },
    { match: /(?<![\w$.])t\s*\.\s*(?:assert\s*\.\s*\w+|is|not|deepEqual|notDeepEqual|like|true|false|truthy|falsy|throws|throwsAsync|notThrows|notThrowsAsync|regex|notRegex|snapshot|equal|equals|same|strictSame|ok|notOk|match|rejects|fail)\s*\(/g, judged: 'chain' },
    { match: /\.\s*should\b|(?<![\w$])(?:fc|sinon|chai|td|cy)\s*\.\s*(?:assert|verify|expect|should)\b/g, judged: 'never' },
    { match: /(?<![\w$.])(?!assert\b|t\b)[\w$]+\s*\.\s*(?:equals?|deepEquals?|strictEqual|deepStrictEqual|notEqual|notDeepEqual|mustEqual|strictSame|throws|rejects|doesNotThrow)\s*\(/g, judged: 'chain' },
    { match: /(?<![\w$])(?:(?:expect|assert)[A-Z_]\w*|(?:verify|check|ensure|should)(?:[A-Z_]\w*)?)\s*\(/g, judged: 'never' },
  ],
  skips:
    /(?<![\w$.])(?:Deno\s*\.\s*)?(?:it|test|describe|suite|context|specify|bench)(?:\s*\.\s*\w+)*?\s*\.\s*(?:skip|only|todo|failing|fails|fixme|skipIf|todoIf|runIf|ignore)\b|(?<![\w$.])(?:xit|xtest|xspecify|xdescribe|xcontext|fit|fdescribe|fcontext)\s*(?=[(.])|(?<![\w$])(?:skip|todo|only|ignore)\s*:\s*(?=true\b|['"`])|(?<![\w$])(?:t|this|ctx|context)\s*\.\s*(?:skip|todo)\s*\(|\.\s*each\s*\(\s*\[\s*\]\s*\)/g,
  writtenSkips: null,
  dead: (source) => [...deadInBraces(source), ...swallowedInBraces(source)],
  isMark,
}

/** `skip: true` is a mark in what a test or a suite is given, directly; elsewhere it is data. */
function isMark({ code, shape }: Source, match: RegExpExecArray): boolean {
  if (!/^\w+\s*:/.test(match[0])) return true
  const object = shape.around(match.index)
  const call = object < 0 ? -1 : shape.around(object)
  if (call < 0 || code[object] !== '{' || code[call] !== '(') return false
  // After `each(table)` or a condition the call of a call.
  return /(?:\b(?:it|test|describe|suite|context|specify|bench)(?:\s*\.\s*\w+)*|\)|`)\s*$/.test(code.slice(Math.max(0, call - 120), call))
}

function declare(source: Source): Declared[] {
  const { code, shape } = source
  return [...code.matchAll(TEST)].flatMap((match) => {
    const modifiers = match[1] ?? ''
    if (NO_TEST.test(modifiers)) return []
    const open = argumentsOpen(source, match.index + match[0].length, CURRIED.test(modifiers))
    if (open < 0) return []
    const end = shape.close(open)
    const title = titleOf(source, open + 1, end)
    return title ? [{ name: title.name, start: match.index, body: title.end, end: end + 1 }] : []
  })
}

/** The bracket that holds title and function; before it may come types, a table, a condition. */
function argumentsOpen({ code, shape }: Source, from: number, curried: boolean): number {
  let at = from
  let tables = curried ? 1 : 0
  for (let step = 0; step < 6; step += 1) {
    at += /^\s*/.exec(code.slice(at, at + 200))?.[0].length ?? 0
    if (code[at] === '<') at = genericsEnd(code, at)
    else if (code[at] === '`') at = code.indexOf('`', at + 1) + 1 || code.length
    else if (code[at] !== '(') return -1
    else if (tables === 0) return at
    else at = shape.close(at) + 1
    if (code[at - 1] === '`' || code[at - 1] === ')') tables = Math.max(0, tables - 1)
  }
  return -1
}

function genericsEnd(code: string, from: number): number {
  let depth = 0
  for (let at = from; at < Math.min(code.length, from + 2000); at += 1) {
    if (code[at] === '<') depth += 1
    else if (code[at] === '>' && code[at - 1] !== '=') depth -= 1
    if (depth === 0) return at + 1
  }
  return code.length
}

/** The first argument: what a string says, or how an expression is written. */
function titleOf({ text, code, shape }: Source, from: number, end: number): { name: string; end: number } | null {
  const start = from + (/^\s*/.exec(code.slice(from, end))?.[0].length ?? 0)
  if (start >= end) return null
  const quote = code[start] ?? ''
  if ('\'"`'.includes(quote)) {
    const close = code.indexOf(quote, start + 1)
    return { name: text.slice(start + 1, close < 0 || close > end ? end : close), end: close < 0 ? end : close + 1 }
  }
  let at = start
  while (at < end && code[at] !== ',') at = '([{'.includes(code[at] ?? '') ? shape.close(at) + 1 : at + 1
  return { name: text.slice(start, Math.min(at, end)).replace(/\s+/g, ' ').trim().slice(0, 200), end: Math.min(at, end) }
}
