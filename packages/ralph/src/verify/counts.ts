/** Tests as a runner counted them. */
export type Counts = { passed: number; failed: number; skipped: number }

// oxlint-disable-next-line no-control-regex
const ANSI = /\u001b\[[0-9;?]*[A-Za-z]/g

/** Text without terminal colours. */
export const plain = (text: string): string => text.replace(ANSI, '')

/** `sums`: adds up what stands all over the output, and is wrong when its beginning is missing. `tests`: it counts tests, not packages. */
type Reader = { runner: string; sums?: boolean; tests?: boolean; read(text: string): Counts | null }

const number = (text: string | undefined): number => Number(text ?? 0)

/** Adds up all matches of one expression with named groups passed, failed, skipped. */
function sumOf(text: string, expression: RegExp): Counts | null {
  let found: Counts | null = null
  for (const match of text.matchAll(expression)) {
    const { passed, failed, skipped, total, errors } = match.groups ?? {}
    const bad = number(failed) + number(errors)
    found ??= { passed: 0, failed: 0, skipped: 0 }
    found.failed += bad
    found.skipped += number(skipped)
    found.passed += total === undefined ? number(passed) : number(total) - bad - number(skipped)
  }
  return found
}

/** Words with numbers in one summary line: "1 failed, 2 passed". */
function words(line: string | undefined, names: Record<keyof Counts, readonly string[]>): Counts | null {
  if (line === undefined) return null
  const count = (keys: readonly string[]): number => keys.reduce((sum, key) => sum + number(new RegExp(`(\\d+) ${key}`).exec(line)?.[1]), 0)
  return { passed: count(names.passed), failed: count(names.failed), skipped: count(names.skipped) }
}

const last = (text: string, expression: RegExp): string | undefined => [...text.matchAll(expression)].at(-1)?.[0]
const occurrences = (text: string, expression: RegExp): number => text.match(expression)?.length ?? 0

/** Known runners by their summaries; the first that recognises the output counts. */
const READERS: readonly Reader[] = [
  {
    runner: 'bun test',
    read(text) {
      if (!/^Ran \d+ tests? across/m.test(text)) return null
      const count = (word: string): number => [...text.matchAll(new RegExp(`^\\s*(\\d+) ${word}$`, 'gm'))].reduce((sum, match) => sum + number(match[1]), 0)
      return { passed: count('pass'), failed: count('fail'), skipped: count('skip') + count('todo') }
    },
  },
  {
    runner: 'node:test',
    read(text) {
      const count = (word: string): number | null => {
        const found = [...text.matchAll(new RegExp(`^(?:#|ℹ) ${word} (\\d+)$`, 'gm'))]
        return found.length === 0 ? null : found.reduce((sum, match) => sum + number(match[1]), 0)
      }
      const passed = count('pass')
      const failed = count('fail')
      return passed === null || failed === null ? null : { passed, failed: failed + (count('cancelled') ?? 0), skipped: (count('skipped') ?? 0) + (count('todo') ?? 0) }
    },
  },
  { runner: 'jest', read: (text) => words(last(text, /^Tests:\s+.*\d+ total.*$/gm), { passed: ['passed'], failed: ['failed'], skipped: ['skipped', 'todo'] }) },
  { runner: 'vitest', read: (text) => words(last(text, /^\s*Tests\s+(?=.*\d+ (?:passed|failed|skipped|todo)).*$/gm), { passed: ['passed'], failed: ['failed'], skipped: ['skipped', 'todo'] }) },
  {
    runner: 'pytest',
    read: (text) => words(last(text, /^(?:=+ )?(?=.*\d+ (?:passed|failed|skipped|errors?|xfailed)).* in [\d.:]+s.*$/gm), { passed: ['passed', 'xpassed'], failed: ['failed', 'errors?'], skipped: ['skipped', 'xfailed'] }),
  },
  { runner: 'cargo test', sums: true, read: (text) => sumOf(text, /^test result: \w+\. (?<passed>\d+) passed; (?<failed>\d+) failed; (?<skipped>\d+) ignored/gm) },
  {
    runner: 'go test -v',
    sums: true,
    read(text) {
      const counts = { passed: occurrences(text, /^\s*--- PASS: /gm), failed: occurrences(text, /^\s*--- FAIL: /gm), skipped: occurrences(text, /^\s*--- SKIP: /gm) }
      return counts.passed + counts.failed + counts.skipped > 0 && /^(?:ok|FAIL|PASS|---)\s*/m.test(text) ? counts : null
    },
  },
  {
    runner: 'go test (packages)',
    sums: true,
    tests: false,
    read(text) {
      const counts = { passed: occurrences(text, /^ok {2}\t\S+/gm), failed: occurrences(text, /^FAIL\t\S+/gm), skipped: 0 }
      return counts.passed + counts.failed > 0 ? counts : null
    },
  },
  { runner: 'maven', sums: true, read: (text) => sumOf(text, /^(?:\[\w+\] )?Tests run: (?<total>\d+), Failures: (?<failed>\d+), Errors: (?<errors>\d+), Skipped: (?<skipped>\d+)\s*$/gm) },
  {
    runner: 'unittest',
    read(text) {
      const total = /^Ran (\d+) tests? in [\d.]+s$/m.exec(text)?.[1]
      if (total === undefined) return null
      const ending = /^(?:OK|FAILED)(?: \((.*)\))?$/m.exec(text)?.[1] ?? ''
      const count = (word: string): number => number(new RegExp(`${word}=(\\d+)`).exec(ending)?.[1])
      const failed = count('failures') + count('errors')
      return { passed: Number(total) - failed - count('skipped'), failed, skipped: count('skipped') }
    },
  },
  {
    runner: 'mocha',
    read(text) {
      const passed = /^\s*(\d+) passing/m.exec(text)?.[1]
      return passed === undefined ? null : { passed: Number(passed), failed: number(/^\s*(\d+) failing/m.exec(text)?.[1]), skipped: number(/^\s*(\d+) pending/m.exec(text)?.[1]) }
    },
  },
]

export type OutputCounts = { counts: Counts; ofTests: boolean }

/** What a known runner counted in a command's output, or null. `whole`: the output is there from its beginning. */
export function readCounts(output: string, whole: boolean): OutputCounts | null {
  const text = plain(output).replace(/\r\n?/g, '\n')
  for (const reader of READERS) {
    const counts = reader.read(text)
    if (counts) return reader.sums && !whole ? null : { counts, ofTests: reader.tests ?? true }
  }
  return null
}
