import { checkSpec, parseSpec, type OutcomeCode, type RunKind, type RunOutcome, type RunStatus, type VerifyReport, type WorkStatus } from '@factory/shared'

/** How a run ended, whoever says so: the worker, the reaper or a person. */
export type Ending = {
  status: Extract<RunStatus, 'succeeded' | 'failed' | 'stuck' | 'paused' | 'cancelled' | 'lost'>
  outcome: RunOutcome
  /** spec run: the spec it wrote; build run: the spec with its boxes ticked. */
  spec?: string | undefined
  report?: VerifyReport | undefined
  /** What a stuck run says. */
  note?: string | undefined
  headSha?: string | undefined
  baseSha?: string | undefined
}

export type ItemFacts = { status: WorkStatus; attempts: number; maxAttempts: number; losses: number }
export type RunFacts = { kind: RunKind; iterationsGranted: number; iterationsUsed: number; maxIterations: number }
export type Policy = { retryBackoffSeconds: number; maxLosses: number }

/** What becomes of the item. Times are absolute. */
export type Next =
  | { to: 'nothing'; reason: string }
  | { to: 'queue'; spec: string; reason: string }
  | { to: 'verify'; reason: string }
  | { to: 'publish'; reason: string }
  | { to: 'ask'; question: string; reason: string }
  | { to: 'fail'; code: OutcomeCode; message: string }
  | { to: 'again'; counts: 'attempt' | 'loss' | 'no'; notBefore: Date | null; waitCode: 'retry_backoff' | 'usage_limit' | 'file_conflict' | null; reason: string }

/** Trying again cannot help: a person must change something first. */
const PERMANENT: readonly OutcomeCode[] = [
  'bad_spec',
  'base_unverifiable',
  'repository_not_found',
  'repository_forbidden',
  'repository_empty',
  'bad_factory_yml',
  'image_unusable',
  'egress_refused',
  'push_refused',
]
/** Our side's fault, not the work's: counted apart from attempts. */
const INFRASTRUCTURE: readonly OutcomeCode[] = ['worker_exited', 'lease_expired', 'start_failed', 'repository_unreachable', 'disk_full']

/** Longest wait between two attempts. */
const MAX_BACKOFF_SECONDS = 3600

export function backoffSeconds(base: number, failures: number): number {
  return Math.min(MAX_BACKOFF_SECONDS, base * 2 ** Math.max(0, failures - 1))
}

/** What follows from the end of an item's current run. */
export function decideNext(item: ItemFacts, run: RunFacts, ending: Ending, policy: Policy, now: Date): Next {
  const { outcome } = ending
  if (item.status === 'cancelled') return { to: 'nothing', reason: 'the item was cancelled' }
  const later = (seconds: number) => new Date(now.getTime() + seconds * 1000)
  const attempt = (message: string, code: OutcomeCode): Next =>
    item.attempts + 1 >= item.maxAttempts
      ? { to: 'fail', code, message: item.maxAttempts === 1 ? message : `${message} (attempt ${item.attempts + 1} of ${item.maxAttempts})` }
      : { to: 'again', counts: 'attempt', notBefore: later(backoffSeconds(policy.retryBackoffSeconds, item.attempts + 1)), waitCode: 'retry_backoff', reason: message }
  const loss = (): Next =>
    item.losses + 1 > policy.maxLosses
      ? { to: 'fail', code: outcome.code, message: `${outcome.message} (lost ${item.losses + 1} times)` }
      : { to: 'again', counts: 'loss', notBefore: later(backoffSeconds(policy.retryBackoffSeconds, item.losses + 1) / 4), waitCode: 'retry_backoff', reason: outcome.message }

  switch (ending.status) {
    case 'succeeded':
      return afterSuccess(run, ending, attempt)
    case 'stuck':
      return { to: 'ask', question: ending.note?.trim() || outcome.message, reason: outcome.message }
    case 'cancelled':
      // "killed" ends one run, not the item
      return { to: 'again', counts: 'no', notBefore: null, waitCode: null, reason: outcome.message }
    case 'lost':
      // the run belongs to a time that the restored factory knows nothing of: nobody's fault
      return outcome.code === 'restored' ? { to: 'again', counts: 'no', notBefore: null, waitCode: null, reason: outcome.message } : loss()
    case 'paused':
    case 'failed':
      break
    default:
      return ending.status satisfies never
  }
  if (PERMANENT.includes(outcome.code)) return { to: 'fail', code: outcome.code, message: outcome.message }
  if (INFRASTRUCTURE.includes(outcome.code)) return loss()
  switch (outcome.code) {
    case 'usage_limit':
    case 'auth':
      return { to: 'again', counts: 'no', notBefore: until(outcome, later(600)), waitCode: 'usage_limit', reason: outcome.message }
    case 'limit_reached':
      // Admission gave it fewer iterations than a run may have, and it used them up: the day's budget was short,
      // not the work. No time is noted: admission knows when there are more, also when somebody raises the limit.
      return run.iterationsGranted < run.maxIterations && run.iterationsUsed >= run.iterationsGranted
        ? { to: 'again', counts: 'no', notBefore: null, waitCode: null, reason: `the day's iterations ran out: ${outcome.message}` }
        : attempt(outcome.message, outcome.code)
    case 'lock_conflict':
      // A file that the spec names: admission knows who holds it, and when it is free. Of any other it knows nothing.
      return { to: 'again', counts: 'no', notBefore: until(outcome, later(60)), waitCode: 'file_conflict', reason: outcome.message }
    default:
      return attempt(outcome.message, outcome.code)
  }
}

function afterSuccess(run: RunFacts, ending: Ending, attempt: (message: string, code: OutcomeCode) => Next): Next {
  switch (run.kind) {
    case 'spec': {
      if (ending.spec === undefined) return attempt('the spec run brought no spec', 'bad_spec')
      const problem = checkSpec(parseSpec(ending.spec)).find((one) => one.code === 'empty' || one.code === 'no_tasks')
      return problem ? attempt(`the spec run's spec is not usable: ${problem.message}`, 'bad_spec') : { to: 'queue', spec: ending.spec, reason: 'the spec is written' }
    }
    case 'build':
      return ending.headSha && ending.baseSha ? { to: 'verify', reason: ending.outcome.message } : attempt('the build run named no commit', 'internal')
    case 'verify':
      if (!ending.report) return attempt('the verify run brought no report', 'internal')
      return ending.report.passed ? { to: 'publish', reason: ending.report.reason } : attempt(ending.report.reason, 'verify_failed')
    default:
      return run.kind satisfies never
  }
}

function until(outcome: RunOutcome, fallback: Date): Date {
  return outcome.until === null ? fallback : new Date(outcome.until)
}

