import type { Git } from '../git/git.ts'
import { compareTests } from './compare.ts'
import type { FileText } from './facts.ts'
import { isTestPath } from './paths.ts'
import { languageOf } from './source/languages/index.ts'
import { helpersOf, openSource } from './source/read.ts'

const MAX_NAMES = 100
const MAX_FILES = 40
const MAX_CHARS = 512 * 1024

const SUPPORT = /test|spec|support|helper|fixture|harness|util|assert/i
/** What a file takes in that is there for tests. */
const FRAMEWORK = /bun:test|node:(?:test|assert)|vitest|@jest|@playwright|\bchai\b|\bpytest\b|\bunittest\b|"testing"|testify|org\.junit|assertj/

/**
 * Functions of unchanged test and support code in which something is asserted, of those that changed
 * tests call now and did not before. Looked for only where a test would count as emptied without them:
 * their text is read, so that a name alone ("expectNothing") proves nothing.
 */
export async function readHelpers(git: Git, head: string, changed: readonly string[], files: readonly FileText[]): Promise<string[]> {
  const emptied = new Set(compareTests(files, false).filter((finding) => finding.rule === 'test_emptied').map((finding) => finding.path))
  const suspects = files.filter((file) => emptied.has(file.path))
  const names = [...new Set(suspects.flatMap(newCalls))].slice(0, MAX_NAMES)
  if (names.length === 0) return []
  const listed = await git.may(['grep', '-l', '-z', '-I', '-w', '-F', ...names.flatMap((name) => ['-e', name]), head, '--'])
  const paths = (listed ?? '')
    .split('\0')
    .map((path) => path.slice(head.length + 1))
    .filter((path) => languageOf(path) !== null && !changed.includes(path))
    .toSorted((a, b) => Number(SUPPORT.test(b)) - Number(SUPPORT.test(a)))
  const found = new Set<string>()
  for (const path of paths.slice(0, MAX_FILES)) {
    const language = languageOf(path)
    const text = await git.may(['cat-file', 'blob', `${head}:${path}`])
    if (!language || text === null || text.length > MAX_CHARS || !(isTestPath(path) || SUPPORT.test(path) || FRAMEWORK.test(text))) continue
    for (const name of helpersOf(openSource(text.replace(/\r\n?/g, '\n'), language), language)) if (names.includes(name)) found.add(name)
  }
  return [...found]
}

/** Names that are called at head and do not stand in the file at base. */
function newCalls({ path, base, head }: FileText): string[] {
  const language = languageOf(path)
  if (!language || head === null) return []
  const before = new Set((base ?? '').match(/[\w$]+/g))
  const called = [...openSource(head, language).code.matchAll(/(?<![\w$.])([A-Za-z_$][\w$]{2,})\s*\(/g)].map((match) => match[1] ?? '')
  return called.filter((name) => !before.has(name))
}
