import { tickTasks, type VerifyReport } from '@factory/shared'
import { emit, save, setSpec, specOf, type Session } from './session.ts'
import { ending } from './verify/judge.ts'
import { passes, signatureOfAll } from './verify/signature.ts'
import { verifyHead } from './verify/verify.ts'

/** Measures the commit the run stands at, once. */
export async function verifyNow(session: Session): Promise<VerifyReport> {
  const { state, world, place, options, reports } = session
  const known = reports.get(state.head)
  if (known) return known
  const report = await verifyHead(
    { git: place.git, key: world.key, env: world.commandEnv, signal: world.signal },
    {
      baseSha: state.baseSha,
      headSha: state.head,
      base: state.baseline ?? { setup: null, checks: [] },
      checks: { setup: state.setup, verify: state.verify, limitMs: options.verifyMs },
      allowUnchecked: options.allowUnchecked,
    },
  )
  reports.set(state.head, report)
  emit(session, { event: 'verify.finished', report })
  return report
}

/**
 * All boxes are ticked: is it true? A report that says no opens the last ticked task again, with the
 * evidence for the next prompt.
 */
export async function checkCompletion(session: Session): Promise<VerifyReport> {
  const report = await verifyNow(session)
  if (report.passed) return report
  const { state } = session
  const tasks = specOf(session).tasks
  const task = tasks.find((other) => other.id === state.lastTicked) ?? tasks.at(-1)
  const last = state.iterations.at(-1)
  if (last) Object.assign(last, { progress: false, failure: signatureOfReport(report) })
  state.evidence = [evidenceOf(report)]
  if (task) {
    await setSpec(session, tickTasks(state.spec, [task.id], false))
    emit(session, { event: 'task.reopened', task: { id: task.id, text: task.text }, reason: report.reason, rule: report.findings.find((finding) => finding.blocking)?.rule ?? 'checks' })
  }
  await save(session)
  return report
}

/** The same trouble is the same text. */
export function signatureOfReport(report: VerifyReport): string | null {
  if (report.passed) return null
  const rules = report.findings.filter((finding) => finding.blocking).map((finding) => `${finding.rule}:${finding.path ?? ''}`)
  return [...rules, signatureOfAll(report.head) ?? ''].filter(Boolean).sort().join('\n') || report.reason
}

/** What the next iteration has to know about a failed verification. */
function evidenceOf(report: VerifyReport): string {
  const failed = report.head.filter((check) => !passes(check))
  const tails = failed.map((check) => `$ ${check.command}\n${check.outputTail.slice(-3000).trim()}\n(${ending(check)})`)
  const findings = report.findings.filter((finding) => finding.blocking).map((finding) => `- ${finding.message}`)
  return [`All tasks were ticked, but the work did not stand a clean checkout: ${report.reason}`, ...findings, ...tails].join('\n')
}
