import { parseSpec, RALPH_EXIT, type RalphEvent } from '@factory/shared/ralph'
import { access, stat } from 'node:fs/promises'
import { readRecent } from './events/tail.ts'
import { safeLine } from './events/safe.ts'
import { clock } from './events/view.ts'
import { aiDir, filesIn } from './place.ts'
import { readHolder } from './progress/lock.ts'
import { loadState, type RunState } from './progress/state.ts'

/** What `ralph status --json` prints. Times are ISO 8601, money is in US dollars. */
export type Status = {
  run: string | null
  /** run, draft or verify. */
  mode: string | null
  running: boolean
  /** The process that works here. */
  pid: number | null
  /** When the last event was written. */
  lastEventAt: string | null
  /** The iteration at work, or the last one; 0 before the first. */
  iteration: number
  maxIterations: number | null
  /** work, diagnosis or draft. */
  kind: string | null
  tasksDone: number
  tasksTotal: number
  /** What is worked on, or would be next. */
  task: string | null
  /** The last thing the agent did. */
  activity: string | null
  costUsd: number
  elapsedMs: number
  lastVerification: { passed: boolean; reason: string; at: string } | null
  /** Set while a limit is waited for, or was the end. */
  pausedUntil: string | null
  /** How the run ended; null while it runs and after it was killed. */
  outcome: { exitCode: number; reason: string } | null
  head: string | null
  /** The report for people, when the run is stuck. */
  stuckFile: string | null
}

/** What is happening in a checkout, from the files alone. Files that are missing or torn leave gaps. */
export async function readStatus(dir: string, now: number): Promise<Status> {
  const files = filesIn(aiDir(dir))
  const [state, holder, events, saved, stuck] = await Promise.all([
    loadState(files.state),
    readHolder(files.lock),
    readRecent(files.events),
    stat(files.state).then((found) => found.mtimeMs, () => null),
    access(files.stuck).then(() => true, () => false),
  ])
  const seen = fromEvents(events)
  const run = holder?.run ?? seen.run ?? state?.run ?? null
  // Either can be of another run than the one that is asked about.
  const ours = state?.run === run ? state : null
  const told = seen.run === run ? seen : NOTHING
  const running = holder !== null
  const outcome = running ? null : (told.outcome ?? ours?.outcome ?? null)
  const tasks = ours ? parseSpec(ours.spec).tasks : []
  return {
    run,
    mode: told.mode,
    running,
    pid: holder?.pid ?? null,
    lastEventAt: told.at,
    iteration: Math.max(told.iteration, ours?.iterations.length ?? 0),
    maxIterations: told.maxIterations,
    kind: running ? told.kind : null,
    tasksDone: tasks.filter((task) => task.done).length,
    tasksTotal: tasks.length,
    task: (running ? told.task : null) ?? tasks.find((task) => !task.done)?.text ?? null,
    activity: told.activity,
    costUsd: Math.max(ours?.usage.costUsd ?? 0, told.costUsd),
    elapsedMs: elapsed(ours, running && saved !== null ? now - saved : 0),
    lastVerification: told.verification,
    pausedUntil: told.until,
    outcome,
    head: ours?.head ?? told.head,
    stuckFile: stuck && outcome?.exitCode !== RALPH_EXIT.verified ? files.stuck : null,
  }
}

/** The state has the time up to its writing. */
const elapsed = (state: RunState | null, since: number): number => (state ? state.elapsedMs + Math.max(0, since) : 0)

type Told = { run: string | null; at: string | null; mode: string | null; iteration: number; maxIterations: number | null; kind: string | null; task: string | null; activity: string | null; costUsd: number; verification: Status['lastVerification']; until: string | null; outcome: Status['outcome']; head: string | null }
const NOTHING: Told = { run: null, at: null, mode: null, iteration: 0, maxIterations: null, kind: null, task: null, activity: null, costUsd: 0, verification: null, until: null, outcome: null, head: null }

/** What the last events of one run say. Pure. */
function fromEvents(events: readonly RalphEvent[]): Told {
  let told = NOTHING
  for (const event of events) told = { ...tell(told, event), run: event.run, at: event.ts }
  return told
}

function tell(told: Told, event: RalphEvent): Told {
  switch (event.event) {
    case 'run.started':
      return { ...told, mode: event.mode, maxIterations: event.maxIterations, outcome: null, until: null }
    case 'iteration.started':
      return { ...told, iteration: event.iteration, kind: event.kind, task: event.task?.text ?? null, until: null }
    case 'agent.activity':
      return { ...told, iteration: event.iteration, activity: event.summary, until: null }
    case 'limit':
      return { ...told, until: event.until }
    case 'verify.finished':
      return { ...told, verification: { passed: event.report.passed, reason: event.report.reason, at: event.ts }, until: null }
    case 'run.finished':
      return { ...told, until: event.until, outcome: { exitCode: event.exitCode, reason: event.reason }, costUsd: event.usage.costUsd, head: event.headSha }
    default:
      return told
  }
}

/** The status in some lines for people. */
export function sayStatus(status: Status, now: number): string {
  if (status.run === null) return 'no run here\n'
  const turns = `iteration ${status.iteration}${status.maxIterations === null ? '' : ` of ${status.maxIterations}`}${status.kind === 'diagnosis' ? ' (diagnosis)' : ''}`
  const lines = [
    `${status.run}: ${state(status)}`,
    `${status.tasksDone} of ${status.tasksTotal} tasks done, ${turns}, $${status.costUsd.toFixed(4)}, ${clock(status.elapsedMs)}`,
    status.task === null ? null : `${status.running ? 'at work on' : 'next'}: ${status.task}`,
    status.activity === null ? null : `last activity: ${status.activity}`,
    status.lastEventAt === null ? null : `last event: ${status.lastEventAt} (${clock(now - Date.parse(status.lastEventAt))} ago)`,
    status.lastVerification === null ? null : `last verification: ${status.lastVerification.passed ? 'passed' : 'not passed'}: ${status.lastVerification.reason}`,
    status.pausedUntil === null ? null : `paused until ${status.pausedUntil}`,
    status.stuckFile === null ? null : `what a person should know: ${status.stuckFile}`,
  ]
  return `${lines.filter((line) => line !== null).map(safeLine).join('\n')}\n`
}

function state({ running, pid, outcome }: Status): string {
  if (running) return `running (process ${pid})`
  if (outcome === null) return 'not running, and it did not end by itself; "ralph run" goes on with it'
  const words = outcome.exitCode === RALPH_EXIT.verified ? 'done' : `ended with ${outcome.exitCode}`
  return `${words}: ${outcome.reason}`
}
