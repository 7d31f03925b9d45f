import type { CheckResult, IntegrityFinding, VerifyReport } from '@factory/shared/ralph'
import type { Measured } from './measured.ts'
import { failsAsBefore, passes } from './signature.ts'

export type { Measured } from './measured.ts'

export type Evidence = {
  baseSha: string
  headSha: string
  base: Measured
  head: Measured
  findings: IntegrityFinding[]
  diff: VerifyReport['diff']
  /** Commands that have to succeed at head, whatever they did at base. */
  required: readonly string[]
  /** A repository without any check may pass on its diff alone. */
  allowUnchecked: boolean
}

/**
 * The report of a verification. A check that failed at base may fail in the same way, but not a required
 * one; none may get worse. The reason follows the order of the steps: the line of commits, the checks,
 * then what the change did to tests and checks.
 */
export function toReport(evidence: Evidence): VerifyReport {
  const { baseSha, headSha, findings, diff } = evidence
  const head = evidence.head.setup ? [evidence.head.setup, ...evidence.head.checks] : evidence.head.checks
  return { baseSha, headSha, base: evidence.base.checks, head, findings, diff, ...decide(evidence) }
}

const LINE: readonly IntegrityFinding['rule'][] = ['empty_diff', 'not_on_base', 'dirty_tree']
const MAX_REASON = 2000

function decide(evidence: Evidence): { passed: boolean; reason: string } {
  const blocking = evidence.findings.filter((finding) => finding.blocking)
  const line = blocking.filter((finding) => LINE.includes(finding.rule))
  if (line.length > 0) return { passed: false, reason: said(line) }
  const checks = judgeChecks(evidence)
  const change = said(blocking)
  if (!checks.passed || change !== '') return { passed: false, reason: [checks.passed ? '' : checks.reason, change].filter(Boolean).join('; ').slice(0, MAX_REASON) }
  const asked = evidence.findings.filter((finding) => finding.asked)
  return { passed: true, reason: asked.length === 0 ? checks.reason : `${checks.reason}; the spec asks for this, and a person has to look at it: ${said(asked)}`.slice(0, MAX_REASON) }
}

const said = (findings: readonly IntegrityFinding[]): string => findings.map((finding) => finding.message).join('; ').slice(0, MAX_REASON)

function judgeChecks({ base, head, required, allowUnchecked }: Evidence): { passed: boolean; reason: string } {
  if (head.setup) return { passed: false, reason: `the setup command \`${head.setup.command}\` fails with the change: ${ending(head.setup)}` }
  if (head.checks.length === 0) {
    return allowUnchecked ? { passed: true, reason: 'nothing to verify with: the repository has no verify commands, only the diff was checked' } : { passed: false, reason: 'there is no verify command, so nothing can be proved' }
  }
  const failed = head.checks.filter((check) => !passes(check))
  const worse = failed.flatMap((check) => {
    const before = base.checks.find((other) => other.command === check.command)
    if (!before || passes(before) || !failsAsBefore(before, check)) return [`\`${check.command}\` ${ending(check)}${compared(before, check)}`]
    return required.includes(check.command) ? [`\`${check.command}\` failed before the change already, and the spec asks for it: it ${ending(check)}`] : []
  })
  if (worse.length > 0) return { passed: false, reason: worse.join('; ') }
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

/** A time limit says little without the time it took before. */
function compared(before: CheckResult | undefined, check: CheckResult): string {
  if (!check.timedOut || !before || before.timedOut) return ''
  return `; before the change it ended after ${(before.durationMs / 1000).toFixed(1)} s`
}
