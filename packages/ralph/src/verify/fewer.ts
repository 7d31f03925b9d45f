import { found, type ChangeFacts, type Found } from './facts.ts'
import type { Counts } from './counts.ts'
import type { Ran } from './measured.ts'

/** One check, counted the same way on both sides. */
type Pair = { command: string; was: number; is: number; gone: readonly string[]; tests: boolean }

const executed = (counts: Counts): number => counts.passed + counts.failed

/**
 * Executed tests at base and at head: passed and failed; a skipped one does not run. Both ways of
 * counting are looked at, each against itself, so that a runner that stops writing one hides nothing.
 */
function pairs(facts: ChangeFacts): Pair[] {
  return facts.head.flatMap((head) => {
    const before = ranOf(facts.ranBase, facts.base, head.command)
    const after = ranOf(facts.ranHead, facts.head, head.command)
    if (!before || !after) return []
    const found: Pair[] = []
    if (before.junit && after.junit) {
      const are = new Set(after.junit.executed)
      found.push({ command: head.command, was: executed(before.junit.counts), is: executed(after.junit.counts), gone: before.junit.executed.filter((name) => !are.has(name)), tests: true })
    }
    if (before.output && after.output && before.output.ofTests === after.output.ofTests) found.push({ command: head.command, was: executed(before.output.counts), is: executed(after.output.counts), gone: [], tests: before.output.ofTests })
    // It counted tests and passes now without a word about any.
    const silent = !after.junit && !after.output && after.whole && head.exitCode === 0
    if (silent && (before.junit || before.output?.ofTests)) found.push({ command: head.command, was: executed(before.junit?.counts ?? before.output?.counts ?? { passed: 0, failed: 0, skipped: 0 }), is: 0, gone: before.junit?.executed ?? [], tests: true })
    return found
  })
}

/** Where nothing better is known, the counts of the result itself. */
function ranOf(ran: readonly Ran[], checks: ChangeFacts['base'], command: string): Ran | null {
  const known = ran.find((one) => one.command === command)
  if (known) return known
  const check = checks.find((one) => one.command === command)
  if (!check?.tests) return null
  return check.counted === 'junit' ? { command, output: null, whole: false, junit: { counts: check.tests, executed: [] } } : { command, output: { counts: check.tests, ofTests: true }, whole: false, junit: null }
}

/** Whether executed counts show that as many tests run as before: of tests, in every check that counts. */
export function provesAsMany(facts: ChangeFacts): boolean {
  const counted = pairs(facts).filter((pair) => pair.tests)
  return counted.some((pair) => pair.was > 0) && counted.every((pair) => pair.is >= pair.was)
}

export function fewerExecuted(facts: ChangeFacts): Found[] {
  const worst = new Map<string, Pair>()
  for (const pair of pairs(facts)) if (pair.is < pair.was && (worst.get(pair.command)?.gone.length ?? 0) === 0) worst.set(pair.command, pair)
  return [...worst.values()].map(({ command, was, is, gone }) => {
    const names = gone.slice(0, 8).map((name) => name.slice(0, 80)).join(', ')
    return found('fewer_tests', null, `\`${command}\` ran ${is} tests; at base it ran ${was}${names ? `. No longer run: ${names}${gone.length > 8 ? ' …' : ''}` : ''}`, { lost: was - is, names: gone })
  })
}
