import type { Kernel } from '../kernel/kernel.ts'
import { Refused } from '../kernel/refused.ts'

type Held = { runId: number; until: number }

/** Who works on which file; it can lose everything and be away. Locks end by themselves. */
export class LockTable {
  readonly held = new Map<string, Held>()
  away = false
  readonly #kernel: Kernel
  readonly #ttlMs: number

  constructor(kernel: Kernel, ttlSeconds: number) {
    this.#kernel = kernel
    this.#ttlMs = ttlSeconds * 1000
  }

  #answers(): void {
    if (this.away) throw new Refused('away', 'the lock table is away')
  }

  /** All or none. */
  acquire(repo: string, paths: readonly string[], runId: number): boolean {
    this.#answers()
    const { now } = this.#kernel
    for (const path of paths) {
      const held = this.held.get(`${repo}:${path}`)
      if (held && held.runId !== runId && held.until > now) {
        this.#kernel.count('refused lock')
        return false
      }
    }
    for (const path of paths) this.held.set(`${repo}:${path}`, { runId, until: now + this.#ttlMs })
    return true
  }

  renew(repo: string, paths: readonly string[], runId: number): number {
    this.#answers()
    let renewed = 0
    for (const path of paths) {
      const held = this.held.get(`${repo}:${path}`)
      if (held?.runId !== runId || held.until <= this.#kernel.now) continue
      held.until = this.#kernel.now + this.#ttlMs
      renewed++
    }
    return renewed
  }

  release(repo: string, paths: readonly string[], runId: number): number {
    this.#answers()
    let released = 0
    for (const path of paths) {
      if (this.held.get(`${repo}:${path}`)?.runId !== runId) continue
      this.held.delete(`${repo}:${path}`)
      released++
    }
    return released
  }

  flush(): void {
    this.held.clear()
  }

  left(): string[] {
    return [...this.held].filter(([, held]) => held.until > this.#kernel.now).map(([key, held]) => `${key} (run ${held.runId})`)
  }
}
