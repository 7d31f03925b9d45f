import { leasesCountFrom, LOOKS_PER_LEASE, mayAct, type Lead } from '../../../packages/orchestrator/src/leader/trust.ts'
import { ask, Promised, type Job } from '../kernel/call.ts'
import type { Process } from '../kernel/heap.ts'
import { asRefused, Refused } from '../kernel/refused.ts'
import type { Author } from '../store/database.ts'
import { stopLeading, takeLead } from '../store/leader.ts'
import type { World } from '../world.ts'
import { tick } from './tick.ts'

/** One orchestrator: its own view of the lead, of the time, and of what it has under way. */
export class Orchestrator {
  readonly world: World
  readonly process: Process
  readonly holder: string
  /** Its clock is the database's as of its last look: how far that is from real time. */
  clock = 0
  lead: Lead | null = null
  counts = 0
  readonly busy = new Set<string>()
  suspectSince: Date | null = null
  /** It takes calls: its first look at the lead is behind it. */
  serves = false
  stopping = false
  #first = true
  #woken = false
  #sleep: Promised<null> | null = null
  #idle = 0

  constructor(world: World) {
    this.world = world
    this.holder = `orchestrator-${++world.boots}`
    this.process = world.kernel.newProcess(this.holder)
    world.orchestrators.push(this)
    this.process.onKill = () => void world.kernel.schedule(world.kernel.chance.int(500, 30_000), null, 'an orchestrator starts', () => startOrchestrator(world))
    world.kernel.note(`${this.holder} starts`)
    world.run(this.process, this.#looking())
    world.run(this.process, this.#ticking())
  }

  now(): number {
    return this.world.kernel.now + this.clock
  }

  epoch(): number | null {
    if (this.lead === null) return null
    if (!mayAct(this.lead, this.world.kernel.now) && !this.world.settings.without.has('epoch')) return null
    return this.lead.epoch
  }

  /** @throws Refused not_leading */
  assert(epoch: number): void {
    if (this.epoch() === epoch) return
    this.world.kernel.count('refused by its own clock')
    throw new Refused('not_leading', 'this orchestrator no longer leads')
  }

  /** Look now; calls while a tick runs make one more. */
  wake(): void {
    this.#woken = true
    this.#idle = 0
    const sleep = this.#sleep
    if (sleep === null) return
    this.#sleep = null
    this.world.kernel.schedule(this.world.kernel.chance.int(1, 300), this.process, 'woken', () => sleep.give(null))
  }

  /** One transaction; once it is committed the scheduler looks again. */
  *transact<T>(author: Author, what: string, body: () => T): Job<T> {
    const { db } = this.world
    const result = yield* ask('database', what, () => db.transact(author, body))
    this.wake()
    return result
  }

  /** A rolling restart: lets nothing new begin, and gives the lead back. */
  *stop(): Job {
    this.stopping = true
    const { db } = this.world
    const { lead } = this
    this.lead = null
    if (lead) yield* quietly(ask('database', 'stop_leading', () => db.transact({ epoch: null }, () => stopLeading(db, this.holder, lead.epoch))))
    yield 2000
    this.world.kernel.kill(this.process)
  }

  *#looking(): Job {
    const { settings, db, kernel } = this.world
    while (!this.stopping) {
      const askedAt = kernel.now
      try {
        const look = yield* ask('database', 'take_lead', () => db.transact({ epoch: null }, () => takeLead(db, this.holder, settings.leaderSeconds)))
        if (this.stopping) return
        const everyMs = (settings.leaderSeconds * 1000) / LOOKS_PER_LEASE
        if (kernel.now - askedAt < everyMs || settings.without.has('prompt')) this.clock = look.now - kernel.now
        else kernel.count('an old time was not taken over')
        const seenAt = look.seenAt === null ? null : new Date(look.seenAt)
        if (this.#first && seenAt === null) this.counts = look.now + settings.leaseSeconds * 1000
        else this.counts = leasesCountFrom(new Date(this.counts), { seenAt, now: new Date(look.now), leaderSeconds: settings.leaderSeconds, leaseSeconds: settings.leaseSeconds }).getTime()
        this.#first = false
        const gained = look.leads && this.lead?.epoch !== look.epoch
        this.lead = look.leads ? { epoch: look.epoch, askedAt, seconds: settings.leaderSeconds } : null
        if (gained) this.wake()
      } catch (error) {
        asRefused(error)
      }
      this.serves = true
      yield Math.round((settings.leaderSeconds * 1000) / LOOKS_PER_LEASE)
    }
  }

  *#ticking(): Job {
    const { kernel, settings } = this.world
    while (!this.stopping) {
      this.#woken = false
      try {
        const acted = yield* tick(this)
        this.#idle = acted ? 0 : Math.min(this.#idle + 1, 3)
      } catch (error) {
        asRefused(error)
      }
      if (this.#woken) {
        yield 50
        continue
      }
      const sleep = new Promised<null>()
      this.#sleep = sleep
      kernel.schedule(settings.tickMs * (1 + this.#idle), this.process, 'tick', () => sleep.give(null))
      yield sleep
      this.#sleep = null
    }
  }
}

/** It begins at once, and another one does some time after it was killed. */
export function startOrchestrator(world: World): Orchestrator {
  return new Orchestrator(world)
}

/** Lets a refusal pass: somebody tries again later. */
export function* quietly<T>(job: Job<T>): Job<T | null> {
  try {
    return yield* job
  } catch (error) {
    asRefused(error)
    return null
  }
}
