import type { WorkerState } from '../../../packages/orchestrator/src/ports/worker-runtime.ts'
import type { Process } from '../kernel/heap.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { Refused } from '../kernel/refused.ts'

export type Container = { name: string; runId: number; status: 'running' | 'exited'; exitCode: number | null; outOfMemory: boolean; process: Process }
export type StartSpec = { name: string; runId: number; token: number }

/** What carries workers. It can be silent, and for a while after it began again show fewer containers than there are. */
export class Engine {
  readonly containers = new Map<string, Container>()
  readonly hidden = new Set<string>()
  silent = false
  readonly #kernel: Kernel
  readonly #boot: (container: Container, spec: StartSpec) => void

  constructor(kernel: Kernel, boot: (container: Container, spec: StartSpec) => void) {
    this.#kernel = kernel
    this.#boot = boot
  }

  #answers(): void {
    if (!this.silent) return
    this.#kernel.count('refused engine')
    throw new Refused('engine_unavailable', 'the engine does not answer')
  }

  list(): WorkerState[] {
    this.#answers()
    const seen: WorkerState[] = []
    for (const { name, runId, status, exitCode, outOfMemory } of this.containers.values()) {
      if (this.hidden.has(name)) this.#kernel.count('container not shown')
      else seen.push({ name, runId, status, exitCode, outOfMemory })
    }
    return seen
  }

  /** Idempotent by name: one that is there is adopted. */
  start(spec: StartSpec, trouble: Refused | null): void {
    this.#answers()
    if (this.containers.has(spec.name)) return this.#kernel.count('worker adopted')
    if (trouble) throw trouble
    const container: Container = { name: spec.name, runId: spec.runId, status: 'running', exitCode: null, outOfMemory: false, process: this.#kernel.newProcess(spec.name) }
    container.process.onKill = () => this.#exited(container, 137)
    this.containers.set(spec.name, container)
    this.#kernel.version++
    this.#boot(container, spec)
  }

  /** SIGTERM, and after the grace SIGKILL: how many milliseconds it takes until it is dead. */
  stop(name: string, graceMs: number): number {
    this.#answers()
    const container = this.containers.get(name)
    if (!container || container.status === 'exited') return 0
    if (graceMs === 0) {
      this.#kernel.kill(container.process)
      return 0
    }
    this.#kernel.schedule(graceMs, null, `the engine kills ${name}`, () => this.#kernel.kill(container.process))
    return graceMs
  }

  remove(name: string): void {
    this.#answers()
    const container = this.containers.get(name)
    if (!container) return
    if (container.process.alive) throw new Refused('conflict', `${name} is running`)
    this.containers.delete(name)
    this.hidden.delete(name)
  }

  /** The worker ended by itself. */
  exit(container: Container, code: number): void {
    container.process.onKill = () => {}
    this.#exited(container, code)
    this.#kernel.kill(container.process)
  }

  #exited(container: Container, code: number): void {
    container.status = 'exited'
    container.exitCode = code
  }

  isAlive(name: string): boolean {
    return this.containers.get(name)?.process.alive ?? false
  }
}
