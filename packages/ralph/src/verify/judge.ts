import type { CheckResult, IntegrityFinding, VerifyReport } from '@factory/shared'
import { passes, signatureOf } from './signature.ts'

/** What one clean room gave: `setup` is the command that failed there, null when all went well. */
export type Measured = { setup: CheckResult | null; checks: CheckResult[] }

export type Evidence = {
  baseSha: string
  headSha: string
  base: Measured
  head: Measured
  findings: IntegrityFinding[]
  diff: VerifyReport['diff']
  /** A repository without any check may pass on its diff alone. */
  allowUnchecked: boolean
}

/** The report of a verification. A check that failed at base may fail in the same way; none may get worse. */
export function toReport(evidence: Evidence): VerifyReport {
  const { baseSha, headSha, findings, diff } = evidence
  const head = evidence.head.setup ? [evidence.head.setup, ...evidence.head.checks] : evidence.head.checks
  const made = { baseSha, headSha, base: evidence.base.checks, head, findings, diff }
  const verdict = decide(evidence)
  return { ...made, ...verdict }
}

function decide({ base, head, findings, allowUnchecked }: Evidence): { passed: boolean; reason: string } {
  const blocking = findings.filter((finding) => finding.blocking)
  if (blocking.length > 0) return { passed: false, reason: blocking.map((finding) => finding.message).join('; ').slice(0, 2000) }
  if (head.setup) return { passed: false, reason: `the setup command \`${head.setup.command}\` fails with the change: ${ending(head.setup)}` }
  if (head.checks.length === 0) {
    return allowUnchecked ? { passed: true, reason: 'nothing to verify with: the repository has no verify commands, only the diff was checked' } : { passed: false, reason: 'there is no verify command, so nothing can be proved' }
  }
  const failed = head.checks.filter((check) => !passes(check))
  const worse = failed.filter((check) => {
    const before = base.checks.find((other) => other.command === check.command)
    return !before || signatureOf(before) !== signatureOf(check)
  })
  if (worse.length > 0) return { passed: false, reason: worse.map((check) => `\`${check.command}\` ${ending(check)}`).join('; ') }
  if (failed.length === head.checks.length) return { passed: false, reason: 'every check fails, as it did before the change: nothing proves the work' }
  const tests = head.checks.reduce((sum, check) => sum + (check.tests?.passed ?? 0), 0)
  const proof = `${head.checks.length - failed.length} of ${head.checks.length} checks passed${tests > 0 ? ` (${tests} tests)` : ''}`
  return { passed: true, reason: failed.length === 0 ? proof : `${proof}; ${failed.map((check) => `\`${check.command}\``).join(', ')} failed before the change already, in the same way` }
}

/** How a check ended, for people. */
export function ending(check: CheckResult): string {
  if (check.timedOut) return `took longer than allowed (${Math.round(check.durationMs / 1000)} s)`
  const tests = check.tests && check.tests.failed > 0 ? `, ${check.tests.failed} of ${check.tests.passed + check.tests.failed} tests failed` : ''
  return check.exitCode === null ? `was ended by a signal${tests}` : `exited with ${check.exitCode}${tests}`
}
