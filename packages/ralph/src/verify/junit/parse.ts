import { SaxesParser } from 'saxes'

export type JunitTest = { name: string; state: 'passed' | 'failed' | 'skipped' }

/** Tests of one file that are read; and elements deep it may go. */
const MAX_TESTS = 100_000
const MAX_DEPTH = 200
const MAX_NAME = 300

/**
 * The tests of a JUnit XML report, or null for anything else: other XML, no XML, one that is cut off,
 * one with a document type (the only way to entities that grow). A test is named by its class, where
 * that says something, the suites it stands in, and its own name.
 */
export function parseJunit(text: string): JunitTest[] | null {
  if (!/<testsuites?[\s>/]/.test(text.slice(0, 4000)) || /<!DOCTYPE|<!ENTITY/i.test(text)) return null
  const tests: JunitTest[] = []
  const open: { tag: string; suite: string | null; test: JunitTest | null }[] = []
  let broken = false
  const parser = new SaxesParser<{ xmlns: false; position: false }>({ xmlns: false, position: false })
  parser.on('error', () => void (broken = true))
  parser.on('opentag', ({ name: tag, attributes }) => {
    if (open.length >= MAX_DEPTH || tests.length >= MAX_TESTS) broken = true
    if (open.length === 0 && tag !== 'testsuites' && tag !== 'testsuite') broken = true
    if (broken) return
    const test: JunitTest | null = tag === 'testcase' ? { name: nameOf(attributes, open.flatMap(({ suite }) => suite ?? [])), state: attributes.status === 'notrun' || attributes.status === 'skipped' ? 'skipped' : 'passed' } : null
    if (test) tests.push(test)
    const within = open.at(-1)?.test
    if (within && (tag === 'failure' || tag === 'error')) within.state = 'failed'
    if (within && tag === 'skipped' && within.state === 'passed') within.state = 'skipped'
    open.push({ tag, suite: tag === 'testsuite' ? (attributes.name ?? '') : null, test })
  })
  parser.on('closetag', () => void open.pop())
  try {
    parser.write(text).close()
  } catch {
    return null
  }
  return broken ? null : tests
}

function nameOf(attributes: Record<string, string>, suites: readonly string[]): string {
  // pytest calls its suite "pytest", node its class "test": both say nothing.
  const place = attributes.classname && attributes.classname !== 'test' ? [attributes.classname] : suites.filter((suite) => suite !== '')
  return [...place, attributes.name ?? ''].join(' > ').replace(/\s+/g, ' ').slice(0, MAX_NAME)
}
