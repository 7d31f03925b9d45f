import type { VerifyReport } from '@factory/shared/ralph'
import { ending } from '../verify/judge.ts'
import { passes, signatureOfAll } from '../verify/signature.ts'

/** Of each failed check's output, in characters. */
const TAIL = 3000

/** The same trouble is the same text; null when there is none. */
export function signatureOfReport(report: VerifyReport): string | null {
  if (report.passed) return null
  const rules = report.findings.filter((finding) => finding.blocking).map((finding) => `${finding.rule}:${finding.path ?? ''}`)
  return [...rules, signatureOfAll(report.head) ?? ''].filter(Boolean).sort().join('\n') || report.reason
}

/** What the next iteration has to know about a report that says no. */
export function evidenceOf(report: VerifyReport, allTicked: boolean): string {
  const opening = allTicked ? 'All tasks were ticked, but the work did not stand a clean checkout' : 'So far the work would not stand a clean checkout'
  const failed = report.head.filter((check) => !passes(check))
  const tails = failed.map((check) => `$ ${check.command}\n${check.outputTail.slice(-TAIL).trim()}\n(${ending(check)})`)
  const findings = report.findings.filter((finding) => finding.blocking).map((finding) => `- ${finding.message}`)
  return [`${opening}: ${report.reason}`, ...findings, ...tails].join('\n')
}

/** What found it: the rule of the first finding that blocks, else the checks. */
export function ruleOf(report: VerifyReport): string {
  return report.findings.find((finding) => finding.blocking)?.rule ?? 'checks'
}
