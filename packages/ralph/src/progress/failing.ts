import type { CheckResult, VerifyReport } from '@factory/shared/ralph'
import { passes } from '../verify/signature.ts'

/** A check that fails without saying how many tests do weighs more than any it could have counted. */
const UNCOUNTED = 100_000

/**
 * How much fails, so that less is better: failed tests where a runner counted them, a large figure for a
 * check that fails without counting (it does not compile, say). Every check has to be there.
 */
export function failingIn(checks: readonly CheckResult[]): number {
  return checks.filter((check) => !passes(check)).reduce((sum, check) => sum + (check.timedOut ? UNCOUNTED : check.tests?.failed || UNCOUNTED), 0)
}

/**
 * The same of a whole report; what the change itself is accused of counts as well. null: the setup
 * failed or nothing was run, so there is nothing to compare.
 */
export function failingOf(report: VerifyReport, verify: readonly string[]): number | null {
  if (verify.length === 0 || verify.some((command) => !report.head.some((check) => check.command === command))) return null
  return failingIn(report.head) + report.findings.filter((finding) => finding.blocking).length
}
