import { blank } from './blank.ts'
import { mergeRanges } from './dead.ts'
import type { Declared, Language, Range, Source } from './language.ts'
import { shapeOf } from './shape.ts'
import { assertsNothing } from './trivial.ts'

/** A test with how often it asserts something: by a call that can fail, in code that runs. */
export type FoundTest = { name: string; assertions: number; body: string }

/** A skip, only, todo, xfail and the like, and the test it is on ('' for a whole file or class). */
export type SkipMark = { token: string; test: string; line: string }

export type TestSource = { tests: FoundTest[]; skips: SkipMark[] }

/** Tests of one file that are looked at; the rest of a longer file is left to the runner's counts. */
const MAX_TESTS = 5000
/** Of a body, what is held against another to know a renamed test again. */
const BODY_CHARS = 4000
const MAX_HELPERS = 300

export function openSource(text: string, language: Language): Source {
  const code = blank(text, language.syntax)
  return { text, code, shape: shapeOf(code) }
}

/** Names of functions in which something is asserted: a test that calls one of them asserts too. */
export function helpersOf(source: Source, language: Language): string[] {
  const sites = assertionsIn(source, language, null)
  const tests = new Set(language.declare(source).map((test) => test.body))
  const functions = language.functions(source).filter((one) => !tests.has(one.body)).slice(0, MAX_HELPERS)
  return functions.filter((one) => count(sites, one.body, one.end) > 0).map((one) => one.name)
}

/** The tests and the marks of one file. `helpers`: see {@link helpersOf}, of all files that changed. */
export function readTests(source: Source, language: Language, helpers: readonly string[]): TestSource {
  const declared = language.declare(source).slice(0, MAX_TESTS)
  const names = helpers.filter((name) => name.length > 2).slice(0, MAX_HELPERS)
  const sites = assertionsIn(source, language, names.length === 0 ? null : new RegExp(`(?<![\\w$])(?:${names.map((name) => name.replace(/\$/g, '\\$&')).join('|')})(?![\\w$])`, 'g'))
  const tests = declared.map((test) => ({ name: test.name, assertions: count(sites, test.start, test.end), body: source.text.slice(test.body, Math.min(test.end, test.body + BODY_CHARS)).replace(/\s+/g, '') }))
  return { tests, skips: skipsIn(source, language, declared) }
}

/** Offsets of everything that asserts, in order. */
function assertionsIn(source: Source, language: Language, helpers: RegExp | null): number[] {
  const dead = mergeRanges(language.dead(source))
  const sites = language.assertions.flatMap((form) => [...source.code.matchAll(form.match)].filter((match) => !assertsNothing(source, match, form.judged)).map((match) => match.index))
  const called = helpers === null ? [] : [...source.code.matchAll(helpers)].map((match) => match.index)
  return [...sites, ...called].filter((at) => !within(dead, at)).toSorted((a, b) => a - b)
}

function skipsIn(source: Source, language: Language, declared: readonly Declared[]): SkipMark[] {
  const found = [...[...source.code.matchAll(language.skips)].filter((match) => language.isMark?.(source, match) ?? true), ...(language.writtenSkips ? source.text.matchAll(language.writtenSkips) : [])].toSorted((a, b) => a.index - b.index)
  const open: Declared[] = []
  let next = 0
  return found.map((match) => {
    for (let test = declared[next]; test && test.start <= match.index; test = declared[(next += 1)]) open.push(test)
    while (open.length > 0 && (open.at(-1)?.end ?? 0) <= match.index) open.pop()
    return { token: match[0].replace(/\s+/g, ''), test: open.at(-1)?.name ?? titleAfter(source.text, match.index + match[0].length), line: lineAt(source.text, match.index) }
  })
}

/** `describe.skip('title'`: the title, when the next thing is a string. */
const titleAfter = (text: string, at: number): string => /^\s*\(?\s*(['"`])([^'"`\n]{1,200})\1/.exec(text.slice(at, at + 220))?.[2] ?? ''

function lineAt(text: string, at: number): string {
  const end = text.indexOf('\n', at)
  return text.slice(text.lastIndexOf('\n', at - 1) + 1, end === -1 ? undefined : end).trim().slice(0, 200)
}

/** The first index in sorted numbers whose value is not below `value`. */
function lower(sorted: readonly number[], value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}

const count = (sorted: readonly number[], start: number, end: number): number => lower(sorted, end) - lower(sorted, start)

function within(ranges: readonly Range[], at: number): boolean {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ranges[middle]?.end ?? 0) <= at) low = middle + 1
    else high = middle
  }
  return (ranges[low]?.start ?? Infinity) <= at
}
