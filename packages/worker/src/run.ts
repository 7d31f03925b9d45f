import { mkdtemp, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@factory/orchestrator/client'
import { createLogger, FactoryError, MAX_NEW_LEARNINGS, parseNewLearnings, parseSpec, redactText, type Assignment, type Logger, type NewLearning } from '@factory/shared'
import type { WorkerConfig } from './config.ts'
import { openDoor } from './door/open.ts'
import { failWith, RunFailure, type Ending } from './ending.ts'
import { readEnvironment } from './environment/read.ts'
import type { Chosen } from './environment/choose.ts'
import { checkout, makeWorkspace, type Checkout } from './git/checkout.ts'
import { createGit, type Git } from './git/git.ts'
import { createPusher, type Pusher } from './git/push.ts'
import { squash, summarize } from './git/squash.ts'
import { createSwitch, HALT_EXIT, Halted, type Switch } from './halt.ts'
import { lockCommand } from './locks/command.ts'
import { register } from './protocol/register.ts'
import { openSession, type Session } from './protocol/session.ts'
import { proxyEnv, ralphCommand, ralphEnv, type RalphTask } from './ralph/command.ts'
import { fold, startStory, type Story } from './ralph/fold.ts'
import { judge } from './ralph/judge.ts'
import { runRalph } from './ralph/run.ts'
import { createSetupCache } from './setup/cache.ts'
import { setupCommand } from './setup/command.ts'
import { refusedHosts } from './setup/refused.ts'
import { leftovers, setUp } from './setup/setup.ts'
import { excludePaths, keepOutOfGit, readText, writeInputs } from './workspace/files.ts'

/** What a test may shorten or put in the place of the real thing. */
export type WorkerOverrides = { stop?: Switch; logger?: Logger; now?: () => number; say?: (line: string) => void; retryMs?: readonly number[]; registerPatienceMs?: number; graceMs?: number; self?: readonly string[] }

type Bench = Required<Pick<WorkerOverrides, 'stop' | 'logger' | 'now' | 'say' | 'self'>> & { config: WorkerConfig; overrides: WorkerOverrides; doorUrl: string; tmp: string }
type Work = Bench & { assignment: Assignment; session: Session; git: Git; pusher: Pusher }

/** Exit codes of the worker besides those of {@link HALT_EXIT}: the run ended and was reported, or could not be reported. */
const WORKER_EXIT = { reported: 0, unreported: 20 } as const

/** Carries one run from its registration to its report. Returns the process's exit code. */
export async function runWorker(config: WorkerConfig, overrides: WorkerOverrides = {}): Promise<number> {
  const stop = overrides.stop ?? createSwitch()
  const logger = overrides.logger ?? createLogger('worker', config.logLevel).child({ run: config.runId })
  const say = overrides.say ?? ((line: string) => void process.stdout.write(`${redactText(line)}\n`))
  const tmp = await mkdtemp(join(config.tmpDir, 'worker-'))
  const door = await openDoor(config.gatewayUrl)
  const bench: Bench = { config, overrides, stop, logger, say, now: overrides.now ?? Date.now, self: overrides.self ?? [process.execPath, Bun.main], doorUrl: door.url, tmp }
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
    await rm(tmp, { recursive: true, force: true })
  }
}

async function carry(bench: Bench): Promise<number> {
  const { config, stop, logger, now, say } = bench
  const client = createClient({ baseUrl: bench.doorUrl, token: config.runToken, timeoutMs: 15_000 })
  const assignment = await register({
    client,
    body: { versions: { bun: Bun.version }, hostname: hostname() },
    stop,
    logger,
    now,
    ...(bench.overrides.registerPatienceMs === undefined ? {} : { patienceMs: bench.overrides.registerPatienceMs }),
  })
  const { run, item, repo } = assignment
  say(`run ${run.id} (${run.kind}, attempt ${run.attempt}) of item ${item.id} on ${repo}: ${item.title}`)
  const session = openSession({ client, runId: run.id, heartbeatSeconds: assignment.heartbeatSeconds, leaseSeconds: assignment.leaseSeconds, stop, logger, now })
  const git = createGit({ dir: config.workspace, basicEnv: config.basicEnv, gatewayUrl: bench.doorUrl, token: config.runToken })
  const pusher = createPusher({ git, ref: assignment.pushRef, stop, logger, pushed: (headSha) => session.note({ headSha }), ...(bench.overrides.retryMs ? { retryMs: bench.overrides.retryMs } : {}) })
  const work: Work = { ...bench, assignment, session, git, pusher }
  try {
    const { ending, learnings } = await attempt(work)
    say('outcome' in ending.body ? `${ending.call}: ${ending.body.outcome.code}: ${ending.body.outcome.message}` : ending.call)
    const answer = await report(work, ending, learnings)
    say(`reported; the item is ${answer.itemStatus}`)
    return WORKER_EXIT.reported
  } catch (error) {
    if (error instanceof Halted) await leave(work, error)
    throw error
  } finally {
    session.close()
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
    if (error instanceof RunFailure) return { ending: failWith(error.code, redactText(error.message)), learnings: [] }
    work.logger.error({ err: error }, 'the run failed')
    const message = error instanceof Error ? error.message : String(error)
    return { ending: failWith('internal', redactText(message)), learnings: await collect(work, story) }
  }
}

type Place = Checkout & Chosen & { setup: string | null; learnings: string | null; previous: string | null; spec: string | null }

/** Checkout, our files, the repository's own rules, and its setup. */
async function prepare(work: Work): Promise<Place> {
  const { assignment, session, git, stop, say, config } = work
  step(work, 'checkout')
  await makeWorkspace(config.workspace)
  const at = await checkout({ git, gatewayUrl: work.doorUrl, assignment, stop, logger: work.logger, ...(work.overrides.retryMs ? { retryMs: work.overrides.retryMs } : {}) })
  session.note({ baseSha: at.baseSha })
  say(`checked out ${at.headSha.slice(0, 12)}${at.headSha === at.baseSha ? '' : ` on ${at.baseSha.slice(0, 12)}`}`)
  const chosen = await readEnvironment(git, at.baseSha, assignment)
  session.note({ environment: chosen.environment })
  say(`setup: ${chosen.environment.setup.join('; ') || 'none'} · verify: ${[...chosen.environment.verify, ...(chosen.environment.required ?? [])].join('; ') || 'none'} (${chosen.environment.source})`)
  await keepOutOfGit(git)
  const inputs = await writeInputs(config.workspace, assignment)
  // A spec is written from reading; it needs no installed packages.
  const setup = assignment.run.kind === 'spec' ? null : await prepareSetup(work, chosen)
  await session.flush()
  return { ...at, ...chosen, ...inputs, setup }
}

/** Sets the checkout up and returns the command that does the same in a clean room, out of the same cache. */
async function prepareSetup(work: Work, { environment, limits }: Chosen): Promise<string | null> {
  if (environment.setup.length === 0) return null
  step(work, 'setup')
  const root = work.config.cacheDir ?? join(work.tmp, 'cache')
  const env = { ...work.config.basicEnv, ...proxyEnv(work.doorUrl, work.config.runToken), CI: 'true' }
  const cache = createSetupCache({ root, maxBytes: work.config.cacheBytes, env: work.config.basicEnv, now: () => new Date(work.now()) })
  const done = await setUp({ git: work.git, commands: environment.setup, cache, minutes: limits.setupMinutes, env, now: work.now, signal: work.stop.signal, say: (line) => work.say(`$ ${line}`) })
  work.stop.check()
  if (!done.ok) {
    const refused = await refusedHosts(work.doorUrl, work.config.runToken)
    if (refused.length > 0) throw new RunFailure('egress_refused', `"${done.command}" ${done.reason}; EGRESS_ALLOW does not let it reach ${refused.join(', ')}\n${done.tail}`)
    throw new RunFailure('setup_failed', `"${done.command}" ${done.reason}\n${done.tail}`)
  }
  work.say(`setup ${done.cached ? 'restored' : 'done'} in ${(done.ms / 1000).toFixed(1)} s`)
  await excludePaths(work.git, await leftovers(work.git))
  return setupCommand(work.self, { cacheDir: root, cacheBytes: work.config.cacheBytes, minutes: limits.setupMinutes, commands: environment.setup })
}

/** Ralph, from its start to the ending that its exit means. */
async function agent(work: Work, place: Place, onStory: (story: Story) => void): Promise<Ending> {
  const { assignment, session, pusher, config, stop, say } = work
  const { kind } = assignment.run
  const task: RalphTask = kind === 'build' ? { mode: 'run', ...place } : kind === 'spec' ? { mode: 'draft' } : { mode: 'verify', ...place }
  step(work, kind === 'verify' ? 'verify' : 'agent')
  let story = startStory(place.limits.maxIterations)
  const ralph = await runRalph({
    command: ralphCommand(config.ralph, task, { runId: assignment.run.id, model: place.model, limits: place.limits, setup: place.setup, verify: place.environment.verify, required: place.environment.required ?? [], beforeEdit: lockCommand(work.self, { doorUrl: work.doorUrl, runId: assignment.run.id }) }),
    cwd: config.workspace,
    env: ralphEnv({ basicEnv: { ...config.basicEnv, TMPDIR: work.tmp }, doorUrl: work.doorUrl, runToken: config.runToken, claudeBin: config.claudeBin, imageEnv: config.imageEnv }),
    stop,
    logger: work.logger,
    ...(work.overrides.graceMs === undefined ? {} : { graceMs: work.overrides.graceMs }),
    onEvent(event) {
      story = fold(story, event)
      onStory(story)
      session.event(event)
      session.note({ progress: story.progress, usage: story.usage })
      if (event.event !== 'iteration.finished') return
      say(`iteration ${event.iteration}: ${event.commit ? event.commit.slice(0, 12) : 'no change'} · ${story.progress.tasksDone}/${story.progress.tasksTotal} tasks · $${story.usage.costUsd.toFixed(2)}`)
      if (event.commit && kind === 'build') pusher.want(event.commit)
      void pusher.settled().then(() => session.flush())
    },
  })
  stop.check()
  const text = (name: string) => readText(join(config.workspace, name))
  const ending = judge({ kind, exitCode: ralph.exitCode, story, stderr: redactText(ralph.stderr), spec: await text('SPEC.md'), stuck: await text('.ai/stuck.md'), question: await text('.ai/question.md') })
  if (kind !== 'build') return ending
  step(work, 'push')
  return deliver(work, place, story, ending)
}

/** Pushes what the build made: one commit when it is verified, the work in progress otherwise. */
async function deliver(work: Work, place: Place, story: Story, ending: Ending): Promise<Ending> {
  const { git, pusher, assignment } = work
  const verified = ending.call === 'complete'
  const done = [...story.tasks].filter(([id]) => story.done.has(id)).map(([, text]) => text)
  const sha = verified
    ? await squash(git, { baseSha: place.baseSha, title: titleOf(assignment), summary: summarize(done), itemId: assignment.item.id, author: assignment.commit })
    : await git.must(['rev-parse', 'HEAD'])
  if (!verified && sha === place.baseSha) return ending
  const problem = await pusher.insist(sha)
  work.stop.check()
  if (problem === null || !verified) return ending
  return failWith('push_refused', `the work is done, but it could not be pushed: ${redactText(problem)}`)
}

/** The spec says what changes; an issue's title often says what hurts. */
function titleOf({ item }: Assignment): string {
  return (item.spec === null ? '' : parseSpec(item.spec).title) || item.title
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

/** A stopped run saves its work if it still may, and says nothing else. */
async function leave(work: Work, { halt }: Halted): Promise<void> {
  if (halt.kind === 'fenced' || work.assignment.run.kind !== 'build') return
  await work.pusher.settled()
  const head = await work.git.try(['rev-parse', '-q', '--verify', 'HEAD'])
  if (head.code === 0 && head.stdout.trim()) await work.pusher.insist(head.stdout.trim())
  await work.session.flush()
}

function step(work: Work, name: string): void {
  work.logger.info({ step: name }, 'step')
  work.session.step(name)
}
