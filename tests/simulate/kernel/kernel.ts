import { createChance, type Chance } from './chance.ts'
import { Heap, type Happening, type Process } from './heap.ts'

export type Violation = { invariant: string; step: number; at: number }
export type Coverage = Map<string, number>

/** Time, what happens next, and what is written down of it. One step is one happening. */
export class Kernel {
  /** Milliseconds since 1970, simulated. */
  now: number
  readonly startedAt: number
  readonly chance: Chance
  steps = 0
  /** Grows with everything that invariants look at. */
  version = 0
  violation: Violation | null = null
  readonly tracing: boolean
  readonly trace: string[] = []
  readonly coverage: Coverage
  readonly #heap = new Heap()
  #seq = 0

  constructor(options: { seed: number; startsAt: number; tracing: boolean; coverage: Coverage }) {
    this.now = options.startsAt
    this.startedAt = options.startsAt
    this.chance = createChance(options.seed)
    this.tracing = options.tracing
    this.coverage = options.coverage
  }

  schedule(delayMs: number, process: Process | null, what: string, run: () => void): Happening {
    const one: Happening = { at: this.now + delayMs, seq: this.#seq++, process, what, run, off: false }
    this.#heap.push(one)
    return one
  }

  /** Lets the next thing happen. false: there is none, or something was violated. */
  step(): boolean {
    for (;;) {
      const next = this.#heap.pop()
      if (next === undefined) return false
      const { process } = next
      if (next.off || (process !== null && !process.alive)) continue
      this.now = next.at
      if (process?.frozen) {
        process.held.push(next)
        continue
      }
      this.steps++
      if (this.tracing) this.note(process === null ? next.what : `${process.name}: ${next.what}`)
      next.run()
      return this.violation === null
    }
  }

  /** A line of the trace. Callers ask `tracing` first where the line is dear. */
  note(line: string): void {
    if (this.tracing) this.trace.push(`${String(this.steps).padStart(5)} ${((this.now - this.startedAt) / 1000).toFixed(3).padStart(9)}s  ${line}`)
  }

  count(what: string): void {
    this.coverage.set(what, (this.coverage.get(what) ?? 0) + 1)
  }

  /** The first one counts: what comes after it may follow from it. */
  violated(invariant: string): void {
    this.violation ??= { invariant, step: this.steps, at: this.now - this.startedAt }
  }

  newProcess(name: string): Process {
    return { name, alive: true, frozen: false, frozenAt: 0, held: [], onKill: () => {}, onThaw: () => {} }
  }

  kill(process: Process): void {
    if (!process.alive) return
    process.alive = false
    process.held = []
    this.version++
    this.note(`${process.name} is dead`)
    process.onKill()
  }

  freeze(process: Process, ms: number): void {
    if (!process.alive || process.frozen) return
    process.frozen = true
    process.frozenAt = this.now
    this.note(`${process.name} is frozen for ${Math.round(ms / 1000)} s`)
    if (Number.isFinite(ms)) this.schedule(ms, null, 'thaw', () => this.thaw(process))
  }

  /** All that waited happens now, in an order that nobody promised. */
  thaw(process: Process): void {
    if (!process.alive || !process.frozen) return
    process.frozen = false
    this.version++
    this.note(`${process.name} goes on`)
    process.onThaw()
    const { held } = process
    process.held = []
    for (const one of held) this.#release(one)
  }

  #release(one: Happening): void {
    this.#heap.push({ ...one, at: this.now + this.chance.int(0, 400), seq: this.#seq++ })
  }
}
