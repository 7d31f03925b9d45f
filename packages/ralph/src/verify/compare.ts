import { found, type FileText, type Found } from './facts.ts'
import { isTestPath, nameOf } from './paths.ts'
import type { Language, Source } from './source/language.ts'
import { languageOf } from './source/languages/index.ts'
import { helpersOf, openSource, readTests, type FoundTest, type SkipMark, type TestSource } from './source/read.ts'

/** New marks that are looked at. */
const MAX_MARKS = 1000
const NOTHING: TestSource = { tests: [], skips: [] }

/** A changed file that held tests on one side or the other, with what it held. */
type TestFile = { path: string; was: string; base: TestSource; head: TestSource; text: { base: string; head: string }; deleted: boolean }

/**
 * What became of the tests of all changed files, read together, so that a test that moves from one file
 * to another is no finding. `proved`: executed counts show that no fewer tests run than before. `helpers`:
 * functions of unchanged files in which something is asserted, see {@link readHelpers}.
 */
export function compareTests(files: readonly FileText[], proved: boolean, helpers: readonly string[] = []): Found[] {
  const tests = readFiles(files, helpers)
  const lost = lostTests(tests)
  const deleted = new Set(tests.filter((file) => file.deleted).map((file) => file.was))
  return [...deletedFiles(tests, lost), ...emptied(lost), ...missing(lost.filter((one) => !deleted.has(one.from)), proved), ...newSkips(tests)]
}

function readFiles(files: readonly FileText[], unchanged: readonly string[]): TestFile[] {
  const opened = files.flatMap((file) => {
    const base = open(file.from ?? file.path, file.base)
    const head = open(file.path, file.head)
    return base || head ? [{ file, base, head }] : []
  })
  const helpers = [...new Set([...unchanged, ...opened.flatMap(({ base, head }) => [base, head].flatMap((side) => (side ? helpersOf(side.source, side.language) : [])))])]
  const read = (side: Opened | null): TestSource => (side?.holds ? readTests(side.source, side.language, helpers) : NOTHING)
  return opened
    .filter(({ base, head }) => base?.holds || head?.holds)
    .map(({ file, base, head }) => {
      const was = file.from ?? file.path
      return { path: file.path, was, base: read(base), head: read(head), text: { base: file.base ?? '', head: file.head ?? '' }, deleted: isTestPath(was) && Boolean(base?.holds) && !head?.holds }
    })
}

type Opened = { language: Language; source: Source; holds: boolean }

function open(path: string, text: string | null): Opened | null {
  const language = languageOf(path)
  if (!language || text === null) return null
  return { language, source: openSource(text, language), holds: isTestPath(path) || (language.inline?.test(text) ?? false) }
}

/** A test of base that is not there any more, or that asserts nothing where it did. */
type Lost = { test: FoundTest; from: string; emptiedIn: string | null }

/** Tests are known by their title, first within their file, then anywhere; a new title with an old body is a new name. */
function lostTests(files: readonly TestFile[]): Lost[] {
  const lost: Lost[] = []
  const left: { test: FoundTest; from: string }[] = []
  const spare: { test: FoundTest; path: string }[] = []
  for (const file of files) {
    const after = group(file.head.tests)
    for (const [name, before] of group(file.base.tests)) {
      const now = after.get(name) ?? []
      after.delete(name)
      const asserting = now.filter(asserts).length
      const hollow = now.length - asserting
      const were = before.filter(asserts)
      const hollowBefore = before.length - were.length
      // Fewer assert than did, and more do not: those were emptied.
      const emptied = Math.min(Math.max(0, were.length - asserting), Math.max(0, hollow - hollowBefore))
      were.slice(0, emptied).forEach((test) => lost.push({ test, from: file.was, emptiedIn: file.path }))
      const absent = before.length - now.length
      before.slice(before.length - Math.max(0, absent)).forEach((test) => left.push({ test, from: file.was }))
      now.slice(now.length - Math.max(0, -absent)).forEach((test) => spare.push({ test, path: file.path }))
    }
    for (const tests of after.values()) tests.forEach((test) => spare.push({ test, path: file.path }))
  }
  const byName = group(spare, ({ test }) => test.name)
  const byBody = group(spare, ({ test }) => test.body)
  const used = new Set<unknown>()
  const take = (pool: typeof spare | undefined) => {
    const one = pool?.find((candidate) => !used.has(candidate))
    if (one) used.add(one)
    return one
  }
  for (const one of left) {
    const moved = take(byName.get(one.test.name)) ?? (one.test.body.length > 20 ? take(byBody.get(one.test.body)) : undefined)
    if (!moved) lost.push({ ...one, emptiedIn: null })
    else if (asserts(one.test) && !asserts(moved.test)) lost.push({ ...one, emptiedIn: moved.path })
  }
  return lost
}

const asserts = (test: FoundTest): boolean => test.assertions > 0

function group<T extends { name: string } | object>(items: readonly T[], key: (item: T) => string = (item) => ('name' in item ? item.name : '')): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const name = key(item)
    const known = groups.get(name)
    if (known) known.push(item)
    else groups.set(name, [item])
  }
  return groups
}

/** A file whose tests all went elsewhere was moved, whatever git calls it. */
function deletedFiles(files: readonly TestFile[], lost: readonly Lost[]): Found[] {
  return files
    .filter((file) => file.deleted && (file.base.tests.length === 0 || lost.some((one) => one.from === file.was)))
    .map(({ was, path, base }) => {
      const message = was === path ? `the test file ${was} was deleted` : `the test file ${was} was renamed to ${path}, which no runner takes for a test`
      return found('test_deleted', was, message, { names: [was], lost: Math.max(1, base.tests.length) })
    })
}

function emptied(lost: readonly Lost[]): Found[] {
  return lost.flatMap(({ test, emptiedIn }) =>
    emptiedIn === null ? [] : [found('test_emptied', emptiedIn, `the test "${brief(test.name)}" in ${emptiedIn} asserts nothing any more`, { names: [test.name, emptiedIn] })],
  )
}

/** Tests that are gone while their file stays, one finding a file. Those of deleted files are told with the file. */
function missing(lost: readonly Lost[], proved: boolean): Found[] {
  const inPlace = group(lost.filter((one) => one.emptiedIn === null), (one) => one.from)
  return [...inPlace].map(([path, ones]) => {
    const names = ones.map(({ test }) => test.name)
    const said = names.slice(0, 8).map((name) => `"${brief(name)}"`).join(', ')
    return found('fewer_tests', path, `${names.length === 1 ? 'a test is' : `${names.length} tests are`} no longer in ${path}: ${said}${names.length > 8 ? ' …' : ''}`, { blocking: !proved, names: names.length === 1 ? [names[0] ?? '', path] : [path], lost: names.length })
  })
}

const brief = (name: string): string => name.replace(/\s+/g, ' ').slice(0, 100)

/** Marks that base did not have: not those that moved, nor one whose test has a new name. */
function newSkips(files: readonly TestFile[]): Found[] {
  const key = (mark: SkipMark): string => `${mark.token}\n${mark.test}`
  const surplus: { mark: SkipMark; path: string; fresh: boolean }[] = []
  const deficit: { mark: SkipMark; gone: boolean }[] = []
  for (const file of files) {
    const before = group(file.base.skips, key)
    const after = group(file.head.skips, key)
    for (const [name, marks] of after) marks.slice(before.get(name)?.length ?? 0).forEach((mark) => surplus.push({ mark, path: file.path, fresh: !file.text.base.includes(mark.test) }))
    for (const [name, marks] of before) marks.slice(after.get(name)?.length ?? 0).forEach((mark) => deficit.push({ mark, gone: !file.text.head.includes(mark.test) }))
  }
  const used = new Set<unknown>()
  return surplus.slice(0, MAX_MARKS).flatMap(({ mark, path, fresh }) => {
    const moved = deficit.find((one) => !used.has(one) && one.mark.token === mark.token && (one.mark.test === mark.test || (fresh && one.gone)))
    if (moved) {
      used.add(moved)
      return []
    }
    return [found('test_skipped', path, `tests are skipped, focused or marked as expected to fail in ${path}: ${mark.line}`, { names: mark.test ? [mark.test, path] : [path, nameOf(path)], lost: 1 })]
  })
}
