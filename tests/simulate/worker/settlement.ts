import type { RunOutcome, VerifyReport } from '@factory/shared'
import type { Assignment } from '../orchestrator/service.ts'
import type { Settlement } from '../store/settle.ts'
import type { Plan } from './plan.ts'
import type { Worker } from './worker.ts'

const outcome = (code: RunOutcome['code'], until: string | null = null): RunOutcome => ({ code, message: `it says ${code}`, until })

const report = (passed: boolean): VerifyReport => ({ passed, reason: passed ? 'all checks pass' : 'a check fails', baseSha: 'base', headSha: 'head', base: [], head: [], findings: [], diff: { files: 1, insertions: 1, deletions: 0 } })

/** A spec that names this file. */
export const specFor = (path: string): string => `# Change ${path}\n\n- [ ] change it\n\n## Files\n\n- \`${path}\`\n`

/** What the worker reports of a run that came to its planned end. */
export function settlementOf(worker: Worker, { kind, resume }: Assignment, plan: Plan): Settlement {
  const { iterations } = worker
  const commits = kind === 'build' ? { headSha: worker.headSha ?? undefined, baseSha: worker.baseSha ?? undefined } : {}
  const { ends } = plan
  if (ends === 'done' || ends === 'exits') {
    return { status: 'succeeded', outcome: outcome('done'), iterations, ...commits, ...(kind === 'spec' ? { spec: specFor(worker.ref.itemId % 2 === 0 ? 'a.ts' : 'b.ts') } : {}), ...(kind === 'verify' ? { report: report(resume !== null) } : {}) }
  }
  if (ends === 'refuted') return { status: 'succeeded', outcome: outcome('verify_failed'), iterations, report: report(false) }
  if (ends === 'stuck') return { status: 'stuck', outcome: outcome('stuck'), iterations, note: 'what shall it be?', ...commits }
  if ('fail' in ends) return { status: 'failed', outcome: outcome(ends.fail), iterations, ...commits }
  const until = new Date(worker.world.kernel.now + ends.forMs).toISOString()
  return { status: 'paused', outcome: outcome(ends.pause, ends.pause === 'auth' ? null : until), iterations, ...commits }
}
