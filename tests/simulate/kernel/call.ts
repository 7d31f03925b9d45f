import type { Kernel } from './kernel.ts'
import type { Process } from './heap.ts'
import { asRefused, Refused } from './refused.ts'

export const PORTS = ['database', 'engine', 'forge', 'locks'] as const
export type Port = (typeof PORTS)[number]

/** What a job waits for: a call of something outside, an answer that comes by itself, or a time. */
export type Wait = Asked<unknown> | Promised<unknown> | number
/** A program's code, standing still at each wait. It can be killed, frozen and overtaken there. */
export type Job<T = void> = Generator<Wait, T, void>

/** A call that is carried out somewhere else: between asking, carrying out and the answer anything can happen. */
export class Asked<T> {
  readonly port: Port
  readonly what: string
  readonly #carryOut: () => T
  /** Milliseconds that it takes after it was carried out. */
  lasts = 0
  #value: { is: T } | null = null
  #error: Refused | null = null

  constructor(port: Port, what: string, carryOut: () => T) {
    this.port = port
    this.what = what
    this.#carryOut = carryOut
  }

  carry(): void {
    try {
      this.#value = { is: this.#carryOut() }
    } catch (error) {
      this.#error = asRefused(error)
    }
  }

  fail(error: Refused): void {
    this.#error = error
  }

  result(): T {
    if (this.#error) throw this.#error
    if (!this.#value) throw new Error(`${this.what} was not carried out`)
    return this.#value.is
  }
}

/** An answer that somebody else gives, once. */
export class Promised<T> {
  #value: { is: T } | null = null
  #error: Refused | null = null
  #wake: (() => void) | null = null

  give(value: T): void {
    if (this.settled) return
    this.#value = { is: value }
    this.#wake?.()
  }

  fail(error: Refused): void {
    if (this.settled) return
    this.#error = error
    this.#wake?.()
  }

  get settled(): boolean {
    return this.#value !== null || this.#error !== null
  }

  onceSettled(wake: () => void): void {
    if (this.settled) wake()
    else this.#wake = wake
  }

  result(): T {
    if (this.#error) throw this.#error
    if (!this.#value) throw new Error('nobody answered')
    return this.#value.is
  }
}

/** @throws Refused when it was refused, or when nobody can say (`lost`) */
export function* ask<T>(port: Port, what: string, carryOut: () => T): Job<T> {
  const asked = new Asked(port, what, carryOut)
  yield asked
  return asked.result()
}

/** What becomes of one call. */
export type Fate = 'well' | 'lost_before' | 'lost_after' | 'kill_before' | 'kill_after' | 'kill_meanwhile' | 'freeze_before' | 'freeze_after' | 'slow'
export type Faults = { fateOf(what: string): Fate; freezeMs(): number; timeoutMs: number; refusal(port: Port): Refused | null }

/** Runs a job in a process. Its own failures are its own to catch. */
export function run(kernel: Kernel, faults: Faults, process: Process, job: Job): void {
  const go = (): void => {
    const next = job.next()
    if (next.done) return
    const wait = next.value
    if (typeof wait === 'number') kernel.schedule(wait, process, 'goes on', go)
    else if (wait instanceof Promised) wait.onceSettled(go)
    else begin(kernel, faults, process, wait, go)
  }
  go()
}

/**
 * The one call that nothing fences: no forge takes a condition when it makes a pull request. That it is on its way
 * no longer than what is left of a leader's lease after its trust (here 4.5 s) is what the protocol rests on; a
 * second one needs more than that and a person who closes the first meanwhile (seed 19297 found it).
 */
const UNFENCED = 'create_pull'

function begin(kernel: Kernel, faults: Faults, process: Process, asked: Asked<unknown>, go: () => void): void {
  const { chance } = kernel
  const fate = faults.fateOf(asked.what)
  if (fate !== 'well') kernel.count(`${fate} ${asked.port}.${asked.what}`)
  const brief = asked.what === UNFENCED
  const out = brief ? chance.int(1, 4000) : fate === 'kill_meanwhile' ? chance.int(1000, 120_000) : fate === 'slow' ? chance.int(1000, 40_000) : chance.int(1, 60)
  // whether it has left the process before that is killed or frozen
  const left = brief || fate === 'kill_meanwhile' || chance.yes(0.5)
  const carry = (): void => {
    if (!left && !process.alive) return
    if (!left && process.frozen) {
      process.held.push({ at: kernel.now, seq: 0, process, what: asked.what, run: carry, off: false })
      return
    }
    if (kernel.tracing) kernel.note(`  ${process.name} → ${asked.port}.${asked.what}${fate === 'well' ? '' : ` (${fate})`}`)
    if (fate === 'kill_before') return kernel.kill(process)
    if (fate === 'freeze_before') kernel.freeze(process, faults.freezeMs())
    const refusal = fate === 'lost_before' ? new Refused('lost', 'no answer') : faults.refusal(asked.port)
    if (refusal) {
      asked.fail(refusal)
      return void kernel.schedule(refusal.code === 'lost' ? faults.timeoutMs : 5, process, `no ${asked.what}`, go)
    }
    asked.carry()
    if (fate === 'kill_after') return kernel.kill(process)
    if (fate === 'freeze_after') kernel.freeze(process, faults.freezeMs())
    if (fate === 'lost_after') {
      asked.fail(new Refused('lost', 'no answer'))
      return void kernel.schedule(faults.timeoutMs, process, `no answer to ${asked.what}`, go)
    }
    if (fate === 'well' && asked.lasts === 0 && process.alive && !process.frozen && chance.yes(0.6)) return go()
    kernel.schedule(asked.lasts + chance.int(1, 60), process, `answer to ${asked.what}`, go)
  }
  kernel.schedule(out, null, asked.what, carry)
  if (fate === 'kill_meanwhile') kernel.schedule(1, null, `${process.name} is killed while ${asked.what} is on its way`, () => kernel.kill(process))
}
