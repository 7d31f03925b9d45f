import type { CheckResult } from '@factory/shared/ralph'
import { plain } from './counts.ts'

const TELLING = /fail|error|✗|✘|not ok|assert|expect|panic|exception|cannot|undefined/i

/**
 * What a failure looks like without what differs from run to run (times, addresses, temporary paths),
 * so that the same failure is the same text. Passing checks have none.
 */
export function signatureOf(check: CheckResult): string | null {
  if (passes(check)) return null
  const unique = [...new Set(telling(check))].sort().slice(0, 60)
  return JSON.stringify([check.command, check.timedOut ? 'timeout' : check.exitCode, check.tests?.failed ?? null, unique])
}

/**
 * Whether a check that failed at base fails no worse now: it ends alike, no more tests fail, and no line of
 * its failure stands there more often. A sixth error of the same kind is one more, not the same.
 */
export function failsAsBefore(before: CheckResult, after: CheckResult): boolean {
  if (before.timedOut !== after.timedOut || before.exitCode !== after.exitCode) return false
  if ((before.tests === null) !== (after.tests === null) || (after.tests?.failed ?? 0) > (before.tests?.failed ?? 0)) return false
  const was = counted(telling(before))
  return [...counted(telling(after))].every(([line, times]) => times <= (was.get(line) ?? 0))
}

/** The lines that say what fails; all of them where none has a word that tells. */
function telling(check: CheckResult): string[] {
  const lines = plain(check.outputTail).split('\n').filter((line) => line.trim() !== '')
  const some = lines.filter((line) => TELLING.test(line))
  return (some.length > 0 ? some : lines).map((line) => line.replace(/\/\S*ralph-(?:room|home|reports)-\w+/g, '').replace(/0x[0-9a-f]+|\b[0-9a-f]{7,}\b/gi, '#').replace(/\d+(?:\.\d+)?/g, '#').trim())
}

function counted(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1)
  return counts
}

export function passes(check: CheckResult): boolean {
  return check.exitCode === 0 && !check.timedOut
}

/** One signature for all failures of a report's head, or null when nothing failed. */
export function signatureOfAll(checks: readonly CheckResult[]): string | null {
  const failures = checks.map(signatureOf).filter((signature) => signature !== null)
  return failures.length === 0 ? null : failures.join('\n')
}
