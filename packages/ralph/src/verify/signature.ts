import type { CheckResult } from '@factory/shared'
import { plain } from './counts.ts'

const TELLING = /fail|error|✗|✘|not ok|assert|expect|panic|exception|cannot|undefined/i

/**
 * What a failure looks like without what differs from run to run (times, addresses, temporary paths),
 * so that the same failure is the same text. Passing checks have none.
 */
export function signatureOf(check: CheckResult): string | null {
  if (passes(check)) return null
  const lines = plain(check.outputTail)
    .split('\n')
    .filter((line) => TELLING.test(line))
    .map((line) => line.replace(/\/\S*ralph-(?:room|home|reports)-\w+/g, '').replace(/0x[0-9a-f]+|\b[0-9a-f]{7,}\b/gi, '#').replace(/\d+(?:\.\d+)?/g, '#').trim())
  const unique = [...new Set(lines)].sort().slice(0, 60)
  return JSON.stringify([check.command, check.timedOut ? 'timeout' : check.exitCode, check.tests?.failed ?? null, unique])
}

export function passes(check: CheckResult): boolean {
  return check.exitCode === 0 && !check.timedOut
}

/** One signature for all failures of a report's head, or null when nothing failed. */
export function signatureOfAll(checks: readonly CheckResult[]): string | null {
  const failures = checks.map(signatureOf).filter((signature) => signature !== null)
  return failures.length === 0 ? null : failures.join('\n')
}
