import { tickTasks, type SpecTask, type VerifyReport } from '@factory/shared/ralph'
import { verifyNow } from './complete.ts'
import type { Execution } from './execute.ts'
import { evidenceOf, signatureOfReport } from '../progress/evidence.ts'
import { failingOf } from '../progress/failing.ts'
import { amend, setSpec, specOf, tell, type Session } from './session.ts'

type Work = {
  done: Execution
  /** Boxes the agent ticked in it. */
  ticked: readonly SpecTask[]
  /** It left another tree than it found. */
  changed: boolean
}

/**
 * What an iteration was worth: its tree is measured, its ticks stand or fall, and what fails is told to
 * the next one. A tick stands when the tree changed with it. One in an iteration that changed nothing can be
 * for work that was done before it: it stands unverified while the checks pass or other tasks are open (they
 * may be what the checks still miss), and never where nothing was done at all.
 */
export async function judgeWork(session: Session, { done, ticked, changed }: Work): Promise<void> {
  const { state } = session
  const report = await measureWork(session, { ticked: ticked.length > 0, changed })
  if (report) {
    const note = state.iterations.at(-1)?.note ?? ''
    amend(session, { failing: failingOf(report, state.verify), failure: signatureOfReport(report), note: [note, report.reason].filter(Boolean).join('; ') })
    state.evidence = report.passed ? [] : [evidenceOf(report, false)]
  }
  if (ticked.length > 0) {
    if (changed || report?.passed || (!lastOnes(session) && !isEmpty(report))) await accept(session, ticked, changed && report?.passed === true)
    else await refuse(session, ticked, report)
  }
  if (done.result.verdict.kind === 'failed') state.evidence = [...state.evidence, `The iteration before ended early: ${done.result.verdict.reason}`]
}

/** With these ticks every box is ticked. */
const lastOnes = (session: Session): boolean => specOf(session).tasks.every((task) => task.done)
const isEmpty = (report: VerifyReport | null): boolean => report === null || report.findings.some((finding) => finding.rule === 'empty_diff')

/** A tree that was measured already is not measured again; one without change only when a tick has nothing else to prove it. */
async function measureWork(session: Session, { ticked, changed }: { ticked: boolean; changed: boolean }): Promise<VerifyReport | null> {
  const known = session.reports.get(session.state.head)
  if (known) return known
  return (changed && !session.options.checksAtEnd) || (ticked && !changed) ? verifyNow(session) : null
}

async function accept(session: Session, ticked: readonly SpecTask[], passed: boolean): Promise<void> {
  const { state } = session
  const first = ticked.map((task) => task.id).filter((id) => !state.everTicked.includes(id))
  amend(session, { ticked: first, verified: passed && first.length > 0 })
  state.everTicked.push(...first)
  state.lastTicked = ticked.at(-1)?.id ?? state.lastTicked
  state.diagnosis = null
  await tell(session, ticked.map((task) => ({ event: 'task.completed', task: { id: task.id, text: task.text }, verified: passed })))
}

async function refuse(session: Session, ticked: readonly SpecTask[], report: VerifyReport | null): Promise<void> {
  const { state } = session
  const reason = `its box was ticked without any change to the repository${report ? `, and the checks say: ${report.reason}` : ''}`
  await setSpec(session, tickTasks(state.spec, ticked.map((task) => task.id), false))
  state.evidence = [...state.evidence, `The task was said to be done, but ${reason}`]
  await tell(session, ticked.map((task) => ({ event: 'task.reopened', task: { id: task.id, text: task.text }, reason, rule: 'no_change' })))
}
