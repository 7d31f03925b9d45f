import { mkdtemp, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@factory/orchestrator/client'
import { createLogger, FactoryError, MAX_NEW_LEARNINGS, parseNewLearnings, redactText, type NewLearning } from '@factory/shared'
import { agent } from './agent.ts'
import type { WorkerConfig } from './config.ts'
import { diskFullMessage, isDiskFull } from './disk/full.ts'
import { openDoor } from './door/open.ts'
import { failWith, RunFailure, type Ending } from './ending.ts'
import { createGit } from './git/git.ts'
import { createPusher } from './git/push.ts'
import { createSwitch, HALT_EXIT, Halted } from './halt.ts'
import { prepare } from './prepare.ts'
import { carefulClock, machineClocks } from '@factory/shared'
import { openDesk } from './protocol/desk.ts'
import { register } from './protocol/register.ts'
import { openSession, type Session } from './protocol/session.ts'
import { startStory, type Story } from './ralph/fold.ts'
import { sweepRun } from './sweep.ts'
import { step, type Bench, type Work, type WorkerOverrides } from './work.ts'
import { readText } from './workspace/files.ts'

/** Exit codes of the worker besides those of {@link HALT_EXIT}: the run ended and was reported, or could not be reported. */
const WORKER_EXIT = { reported: 0, unreported: 20 } as const

/** Carries one run from its registration to its report. Returns the process's exit code. */
export async function runWorker(config: WorkerConfig, overrides: WorkerOverrides = {}): Promise<number> {
  const stop = overrides.stop ?? createSwitch()
  const logger = overrides.logger ?? createLogger('worker', config.logLevel).child({ run: config.runId })
  const say = overrides.say ?? ((line: string) => void process.stdout.write(`${redactText(line)}\n`))
  const door = await openDoor(config.gatewayUrl)
  const bench: Bench = { config, overrides, stop, logger, say, clocks: overrides.clocks ?? machineClocks, self: overrides.self ?? [process.execPath, Bun.main], doorUrl: door.url }
  try {
    return await carry(bench)
  } catch (error) {
    if (error instanceof Halted) {
      say(`stopped: ${error.halt.reason}`)
      return HALT_EXIT[error.halt.kind]
    }
    logger.error({ err: error }, 'the worker failed')
    return WORKER_EXIT.unreported
  } finally {
    door.close()
  }
}

async function carry(bench: Bench): Promise<number> {
  const { config, stop, logger, say, clocks } = bench
  const now = carefulClock(clocks)
  const client = createClient({ baseUrl: bench.doorUrl, token: config.runToken, timeoutMs: 15_000 })
  const patience = bench.overrides.registerPatienceMs
  const { assignment, sentAt } = await register({ client, body: { versions: { bun: Bun.version }, hostname: hostname() }, stop, logger, now, mono: clocks.mono, ...(patience === undefined ? {} : { patienceMs: patience }) })
  const { run, item, repo } = assignment
  say(`run ${run.id} (${run.kind}, attempt ${run.attempt}) of item ${item.id} on ${repo}: ${item.title}`)
  const session = openSession({ client, runId: run.id, lease: assignment, renewedAt: sentAt, stop, logger, now, mono: clocks.mono })
  const git = createGit({ dir: config.workspace, basicEnv: config.basicEnv, gatewayUrl: bench.doorUrl, token: config.runToken, fence: stop.fence })
  const pusher = createPusher({ git, ref: assignment.pushRef, stop, trust: session.trust, logger, pushed: (headSha) => session.note({ headSha }), ...(bench.overrides.retryMs ? { retryMs: bench.overrides.retryMs } : {}) })
  const desk = openDesk(session.trust)
  // Made after the registration: a worker without room for it can say so.
  const tmp = await mkdtemp(join(config.tmpDir, 'worker-')).catch((error: unknown) => new RunFailure(isDiskFull(error) ? 'disk_full' : 'internal', isDiskFull(error) ? diskFullMessage(String(error)) : String(error)))
  const work: Work = { ...bench, assignment, session, git, pusher, deskUrl: desk.url, tmp: tmp instanceof RunFailure ? config.tmpDir : tmp }
  try {
    const { ending, learnings } = tmp instanceof RunFailure ? { ending: endingOf(work, tmp), learnings: [] } : await attempt(work)
    say('outcome' in ending.body ? `${ending.call}: ${ending.body.outcome.code}: ${ending.body.outcome.message}` : ending.call)
    const answer = await report(work, ending, learnings)
    say(`reported; the run has ${answer.runStatus}, the item is ${answer.itemStatus}`)
    return WORKER_EXIT.reported
  } catch (error) {
    if (error instanceof Halted) await leave(work, error)
    throw error
  } finally {
    desk.close()
    session.close()
    if (!(tmp instanceof RunFailure)) {
      if (stop.halt) await sweepRun({ tmp, root: null })
      await rm(tmp, { recursive: true, force: true })
    }
  }
}

/** The run itself. Every way it can end comes back as an ending; only a stop is thrown. */
async function attempt(work: Work): Promise<{ ending: Ending; learnings: NewLearning[] }> {
  let story = startStory(work.assignment.limits.maxIterations)
  const onStory = (next: Story) => {
    story = next
  }
  try {
    const place = await prepare(work)
    const ending = await agent(work, place, onStory)
    return { ending, learnings: await collect(work, story) }
  } catch (error) {
    work.stop.check()
    if (error instanceof Halted) throw error
    return { ending: endingOf(work, error), learnings: error instanceof RunFailure ? [] : await collect(work, story) }
  }
}

/** How a run ends whose line was broken by an error. */
function endingOf(work: Work, error: unknown): Ending {
  if (error instanceof RunFailure) return failWith(error.code, redactText(error.message))
  work.logger.error({ err: error }, 'the run failed')
  const message = redactText(error instanceof Error ? error.message : String(error))
  return isDiskFull(error) ? failWith('disk_full', diskFullMessage(message)) : failWith('internal', message)
}

async function collect({ config }: Work, story: Story): Promise<NewLearning[]> {
  const written = parseNewLearnings((await readText(join(config.workspace, '.ai/new-learnings.md'))) ?? '')
  const all = new Map([...story.learnings, ...written].map((learning) => [`${learning.kind}:${learning.text.toLowerCase()}`, learning]))
  return [...all.values()].slice(0, MAX_NEW_LEARNINGS)
}

async function report(work: Work, ending: Ending, learnings: NewLearning[]): ReturnType<Session['end']> {
  step(work, 'report')
  await work.pusher.settled()
  try {
    return await work.session.end(ending, { learnings })
  } catch (error) {
    if (!(error instanceof FactoryError)) throw error
    // The report itself cannot be taken. Silence would leave the item waiting for its lease to run out.
    return work.session.end(failWith('internal', `the report was refused: ${error.message}`), { learnings: [] })
  }
}

/** A stopped run saves its work if it still may. One that was told to end says so, with the reason it was given. */
async function leave(work: Work, { halt }: Halted): Promise<void> {
  if (halt.kind === 'fenced') return
  if (work.assignment.run.kind === 'build') {
    await work.pusher.settled()
    const head = await work.git.try(['rev-parse', '-q', '--verify', 'HEAD'])
    if (head.code === 0 && head.stdout.trim()) await work.pusher.insist(head.stdout.trim())
  }
  if (halt.kind === 'cancelled') await report(work, failWith('cancelled', redactText(halt.reason)), [])
  else await work.session.flush()
}
