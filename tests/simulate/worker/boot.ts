import { ask, type Job } from '../kernel/call.ts'
import { asRefused, type Refused } from '../kernel/refused.ts'
import { authorize, end, heartbeat, lockPaths, register, type Assignment } from '../orchestrator/service.ts'
import type { Container, StartSpec } from '../outside/engine.ts'
import type { Settlement } from '../store/settle.ts'
import type { World } from '../world.ts'
import { patienceMs, retryDelay, type Held } from '../../../packages/worker/src/protocol/lease.ts'
import { drawPlan } from './plan.ts'
import { settlementOf } from './settlement.ts'
import { Worker } from './worker.ts'

/** Exit codes as the worker's own (HALT_EXIT). */
const EXIT = { reported: 0, gaveUp: 1, fenced: 3, cancelled: 4 } as const

export function bootWorker(world: World, container: Container, spec: StartSpec): void {
  const worker = new Worker(world, container, { id: spec.runId, itemId: world.db.run(spec.runId).itemId, token: spec.token })
  world.workers.push(worker)
  world.run(worker.process, live(worker))
}

/** Thrown through the straight line when the run must stop. */
class Halted extends Error {
  readonly exit: number
  constructor(exit: number) {
    super(`exit ${exit}`)
    this.exit = exit
  }
}

function* live(worker: Worker): Job {
  const { kernel } = worker.world
  try {
    yield kernel.chance.int(200, 4000)
    const assignment = yield* registers(worker)
    worker.world.run(worker.process, renews(worker))
    worker.exit(yield* works(worker, assignment))
  } catch (error) {
    if (!(error instanceof Halted)) throw error
    worker.exit(error.exit)
  }
}

function* registers(worker: Worker): Job<Assignment> {
  const { kernel, settings } = worker.world
  const held: Held = { leaseSeconds: settings.leaseSeconds, heartbeatSeconds: settings.heartbeatSeconds, renewedAt: kernel.now, lookedAt: kernel.now, thawedAt: Number.NEGATIVE_INFINITY }
  for (let failures = 1; kernel.now - held.renewedAt < patienceMs(held); failures++) {
    const sentAt = kernel.now
    try {
      const assignment = yield* worker.call('register', (orchestrator) => register(orchestrator, worker.ref))
      worker.held = { ...held, renewedAt: sentAt, lookedAt: kernel.now }
      kernel.version++
      return assignment
    } catch (error) {
      if (isOver(asRefused(error))) throw new Halted(EXIT.fenced)
    }
    yield retryDelay(failures, settings.heartbeatSeconds)
  }
  throw new Halted(EXIT.gaveUp)
}

const isOver = (refused: Refused): boolean => refused.code === 'stale_token'

/** The timer of its own: renews whatever the work does, and gives up when nobody has answered for too long. */
function* renews(worker: Worker): Job {
  const { kernel, settings } = worker.world
  const { held } = worker
  if (held === null) return
  for (let failures = 0; ; ) {
    yield failures === 0 ? settings.heartbeatSeconds * 1000 : retryDelay(failures, settings.heartbeatSeconds)
    if (kernel.now - held.renewedAt > patienceMs(held)) return worker.exit(EXIT.fenced)
    const sentAt = kernel.now
    try {
      const told = { iterations: worker.iterations, headSha: worker.headSha, baseSha: worker.baseSha }
      const { cancel } = yield* worker.call('heartbeat', (orchestrator) => heartbeat(orchestrator, worker.ref, told))
      held.renewedAt = Math.max(held.renewedAt, sentAt)
      kernel.version++
      failures = 0
      if (cancel) worker.cancelled = true
    } catch (error) {
      if (isOver(asRefused(error))) return worker.exit(EXIT.fenced)
      failures++
    }
  }
}

function* works(worker: Worker, assignment: Assignment): Job<number> {
  const { kernel } = worker.world
  const plan = drawPlan(kernel.chance, assignment.kind, assignment.granted, worker.world.troubled)
  worker.baseSha = 'base'
  const wantsIn = kernel.chance.int(1, plan.iterations)
  for (let iteration = 1; iteration <= plan.iterations; iteration++) {
    yield plan.iterationMs
    if (assignment.kind !== 'verify') worker.iterations = iteration
    if (plan.wants !== null && iteration === wantsIn && (yield* refusedLock(worker, plan.wants))) {
      return yield* reports(worker, { status: 'paused', outcome: { code: 'lock_conflict', message: 'a file is held by another run', until: null }, iterations: worker.iterations })
    }
    if (assignment.kind === 'build' && (plan.pushes || iteration === plan.iterations)) yield* pushes(worker, `${worker.ref.itemId}.${worker.ref.token}.${iteration}`)
    if (worker.cancelled) return EXIT.cancelled
  }
  if (plan.ends === 'exits') return EXIT.gaveUp
  return yield* reports(worker, settlementOf(worker, assignment, plan))
}

/** Before each act that others can see. */
function* whenTrusted(worker: Worker): Job {
  while (!worker.trusted()) {
    worker.world.kernel.count('worker waits to be trusted')
    yield 3000
  }
}

/** true: the file is somebody else's. A table that does not answer counts as that. */
function* refusedLock(worker: Worker, path: string): Job<boolean> {
  yield* whenTrusted(worker)
  try {
    return !(yield* worker.call('lock', (orchestrator) => lockPaths(orchestrator, worker.ref, [path])))
  } catch (error) {
    if (isOver(asRefused(error))) throw new Halted(EXIT.fenced)
    return true
  }
}

function* pushes(worker: Worker, sha: string): Job {
  const { kernel, forge, db } = worker.world
  for (let failures = 1; ; failures++) {
    yield* whenTrusted(worker)
    try {
      yield* worker.call('authorize', (orchestrator) => authorize(orchestrator, worker.ref))
      yield* ask('forge', 'push_wip', () => forge.pushWip(db.item(worker.ref.itemId).repo, worker.ref.itemId, worker.ref.token, sha))
      worker.headSha = sha
      return
    } catch (error) {
      if (isOver(asRefused(error))) throw new Halted(EXIT.fenced)
      kernel.count('push tried again')
    }
    yield retryDelay(failures, 4)
  }
}

/** Says how it ended, until somebody has heard it or nobody has for too long. */
function* reports(worker: Worker, settlement: Settlement): Job<number> {
  const { kernel, settings } = worker.world
  const { held } = worker
  yield* whenTrusted(worker)
  worker.over = true
  let say = settlement
  for (let failures = 1; held !== null && kernel.now - held.renewedAt < patienceMs(held); failures++) {
    const saying = say
    try {
      yield* worker.call('end', (orchestrator) => end(orchestrator, worker.ref, saying))
      return EXIT.reported
    } catch (error) {
      const refused = asRefused(error)
      if (isOver(refused)) return EXIT.fenced
      // the report itself cannot be taken; silence would leave the item waiting for its lease to run out
      if (refused.code === 'illegal_move') say = { status: 'failed', outcome: { code: 'internal', message: `the report was refused: ${refused.message}`, until: null }, iterations: worker.iterations }
    }
    yield retryDelay(failures, settings.heartbeatSeconds)
  }
  return EXIT.fenced
}
