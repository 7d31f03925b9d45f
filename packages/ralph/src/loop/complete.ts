import { tickTasks, type VerifyReport } from '@factory/shared/ralph'
import { unasked } from '../locks/unasked.ts'
import { lockFindings } from '../locks/unlocked.ts'
import { Ended } from '../outcome.ts'
import { blame, type Touched } from '../progress/blame.ts'
import { evidenceOf, ruleOf, signatureOfReport } from '../progress/evidence.ts'
import { failingOf } from '../progress/failing.ts'
import { amend, emit, setSpec, specOf, tell, type Session } from './session.ts'
import { dirtyPaths } from '../verify/dirty.ts'
import { verifyHead } from '../verify/verify.ts'

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
      checks: { setup: state.setup, verify: state.verify, required: state.required, limitMs: options.verifyMs },
      allowUnchecked: options.allowUnchecked,
      spec: specOf(session),
      // What no commit can hold was told already; it must not keep a run with a user's large file from ever being done.
      dirty: (await dirtyPaths(place.git)).filter((path) => !session.heldBack.has(path.replace(/\/$/, ''))),
    },
  )
  reports.set(state.head, report)
  emit(session, { event: 'verify.finished', report })
  return report
}

/**
 * All boxes are ticked: is it true? A report that says no opens the task again that has to answer for
 * it, with the evidence for the next prompt.
 */
export async function checkCompletion(session: Session): Promise<VerifyReport> {
  const report = await withLocks(session, await verifyNow(session))
  if (report.passed) return report
  const { state } = session
  const failure = signatureOfReport(report)
  // Its ticks did not stand, so this one counts among the failures.
  amend(session, { ticked: [], verified: false, failing: failingOf(report, state.verify), failure })
  state.evidence = [evidenceOf(report, true)]
  const blamed = blame(report, await history(session), failure) ?? state.lastTicked
  const tasks = specOf(session).tasks
  const task = tasks.find((other) => other.id === blamed) ?? tasks.at(-1)
  if (task) await setSpec(session, tickTasks(state.spec, [task.id], false))
  await tell(session, task ? [{ event: 'task.reopened', task: { id: task.id, text: task.text }, reason: report.reason, rule: ruleOf(report) }] : [])
  return report
}

/**
 * The last thing asked of a work that stands: whether all of it is ours to change.
 * @throws Ended when that cannot be asked
 */
async function withLocks({ state, locks }: Session, report: VerifyReport): Promise<VerifyReport> {
  if (!report.passed || locks === null) return report
  const { held, unknown } = await locks.unlocked(state.baseSha, state.head)
  if (held.length > 0) {
    const findings = lockFindings(held, state.baseSha)
    return { ...report, passed: false, findings: [...report.findings, ...findings], reason: findings.map((finding) => finding.message).join('; ') }
  }
  if (unknown.length === 0) return report
  const { exitCode, reason } = unasked(unknown)
  throw new Ended(exitCode, reason)
}

/** What each iteration touched. */
async function history({ state, place }: Session): Promise<Touched[]> {
  return Promise.all(
    state.iterations.map(async ({ task, commit, failure }) => {
      const names = commit === null ? '' : ((await place.git.may(['diff-tree', '-r', '--no-commit-id', '--name-only', '-z', commit, '--'])) ?? '')
      return { task, failure, paths: names.split('\0').filter(Boolean) }
    }),
  )
}
