import type { Process } from '../kernel/heap.ts'
import { Promised, type Job } from '../kernel/call.ts'
import { asRefused, Refused } from '../kernel/refused.ts'
import type { Orchestrator } from '../orchestrator/process.ts'
import type { RunRef } from '../orchestrator/service.ts'
import type { Container } from '../outside/engine.ts'
import type { World } from '../world.ts'
import { callBoundMs, gapMs, trust, type Held } from '../../../packages/worker/src/protocol/lease.ts'

/** A worker: a straight line of work, and beside it a timer that renews the lease. */
export class Worker {
  readonly world: World
  readonly container: Container
  readonly process: Process
  readonly ref: RunRef
  /** null: not registered yet. */
  held: Held | null = null
  /** No call gets through before this. */
  partitionedUntil = 0
  cancelled = false
  /** It has begun to say how it ended: it acts no more. */
  over = false
  iterations = 0
  headSha: string | null = null
  baseSha: string | null = null
  #looks = true

  constructor(world: World, container: Container, ref: RunRef) {
    this.world = world
    this.container = container
    this.process = container.process
    this.ref = ref
    this.process.onThaw = () => this.#thawed()
  }

  /** May it act in a way that others see? */
  trusted(): boolean {
    const { held } = this
    if (held === null || this.over) return false
    if (this.world.settings.without.has('trust')) return true
    return trust(this.#looks ? { ...held, lookedAt: this.world.kernel.now } : held, this.world.kernel.now)
  }

  /** What was held back while it stood still runs before the timer that would notice. */
  #thawed(): void {
    const { held } = this
    if (held === null) return
    this.#looks = false
    held.lookedAt = this.process.frozenAt
    const { kernel } = this.world
    kernel.schedule(kernel.chance.int(0, 250), this.process, 'its timer comes round', () => {
      if (kernel.now - held.lookedAt > gapMs(held)) held.thawedAt = kernel.now
      this.#looks = true
    })
  }

  exit(code: number): void {
    this.world.kernel.count(`worker exit ${code}`)
    this.world.engine.exit(this.container, code)
  }

  /** A call of the orchestrators' API: whichever of them takes it, if any; it may arrive twice. @throws Refused */
  *call<T>(what: string, handle: (orchestrator: Orchestrator) => Job<T>): Job<T> {
    const { world, process } = this
    const { kernel } = world
    const answer = new Promised<T>()
    const fate = world.faults.apiFate(this)
    if (fate !== 'well') kernel.count(`${fate} api.${what}`)
    const reply = (settle: () => void) => {
      if (fate !== 'lost_after') kernel.schedule(kernel.chance.int(1, 60), process, `answer to ${what}`, settle)
    }
    const arrive = (): void => {
      const up = world.orchestrators.filter((one) => one.process.alive && one.serves && !one.stopping)
      const [first, ...rest] = up
      if (first === undefined) return reply(() => answer.fail(new Refused('away', 'nobody answers')))
      const orchestrator = kernel.chance.pick([first, ...rest])
      kernel.schedule(0, orchestrator.process, `serves ${what} of ${process.name}`, () => world.run(orchestrator.process, serve(orchestrator, handle, answer, reply)))
    }
    if (fate !== 'lost_before') kernel.schedule(fate === 'slow' ? kernel.chance.int(1000, 50_000) : kernel.chance.int(1, 60), null, `${process.name} → ${what}`, arrive)
    if (fate === 'twice') kernel.schedule(kernel.chance.int(100, 30_000), null, `${process.name} → ${what} once more`, arrive)
    const bound = kernel.schedule(this.held === null ? 10_000 : callBoundMs(this.held), process, `no answer to ${what}`, () => answer.fail(new Refused('lost', 'no answer')))
    yield answer
    bound.off = true
    return answer.result()
  }
}

function* serve<T>(orchestrator: Orchestrator, handle: (orchestrator: Orchestrator) => Job<T>, answer: Promised<T>, reply: (settle: () => void) => void): Job {
  try {
    const value = yield* handle(orchestrator)
    reply(() => answer.give(value))
  } catch (error) {
    const refused = asRefused(error)
    reply(() => answer.fail(refused))
  }
}
