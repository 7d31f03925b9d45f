import { isLiveRun } from '@factory/shared'
import type { Kernel } from '../kernel/kernel.ts'
import { Refused } from '../kernel/refused.ts'
import type { Settings } from '../settings.ts'
import type { AccountRow, EffectRow, EventRow, ItemRow, LeaderRow, LimitsRow, LockRow, RunRow } from './rows.ts'

/** Who is behind a transaction: a leader under an epoch, a run with its token, or neither. */
export type Author = { epoch: number | null; speaker?: { runId: number; token: number } | undefined }
export const NOBODY: Author = { epoch: null }

/**
 * The tables, and transactions over them: all of one happens in one step, or nothing. What may be written under
 * an epoch that is over or with a token that is stale is nothing; each commit is held to that.
 */
export class Database {
  readonly kernel: Kernel
  readonly settings: Settings
  readonly items: ItemRow[] = []
  readonly runs: RunRow[] = []
  readonly events: EventRow[] = []
  readonly effects: EffectRow[] = []
  readonly fileLocks = new Map<string, LockRow>()
  readonly blockers = new Map<number, { due: boolean; lookedAt: number }>()
  readonly budgetDays = new Map<string, number>()
  readonly lastAdmittedAt = new Map<string, number>()
  readonly leader: LeaderRow = { holder: null, epoch: 0, expiresAt: 0, seenAt: null }
  readonly account: AccountRow = { state: 'open', pausedUntil: null, canaryRunId: null, probes: 0, limitedAt: 0 }
  readonly limits: LimitsRow = { maxWorkers: null, dailyIterations: null }
  readonly state: { lastSpawnAt: number | null; token: number } = { lastSpawnAt: null, token: 0 }
  /** How far its clock is from real time. */
  offset = 0
  away = false
  #undo: (() => void)[] = []

  constructor(kernel: Kernel, settings: Settings) {
    this.kernel = kernel
    this.settings = settings
  }

  now(): number {
    return this.kernel.now + this.offset
  }

  /** @throws Refused and rolls back */
  transact<T>(author: Author, body: () => T): T {
    if (this.away) throw new Refused('away', 'the database is away')
    const entitled = this.#entitled(author)
    this.#undo = []
    try {
      if (author.epoch !== null) this.checkLeader(author.epoch)
      const result = body()
      if (this.#undo.length > 0) {
        this.kernel.version++
        if (entitled) this.kernel.violated(entitled)
      }
      return result
    } catch (error) {
      for (const undo of this.#undo.toReversed()) undo()
      throw error
    }
  }

  /** What a change by this author would violate; null: nothing. */
  #entitled({ epoch, speaker }: Author): string | null {
    if (epoch !== null && epoch !== this.leader.epoch) return `epoch ${epoch} is over (it is ${this.leader.epoch}), and something was written under it`
    if (speaker) {
      const run = this.runs[speaker.runId - 1]
      if (!run || run.token !== speaker.token || !isLiveRun(run.status)) return `run ${speaker.runId} has ended, and something was written with its token`
    }
    return null
  }

  checkLeader(epoch: number): void {
    if (this.settings.without.has('epoch') || this.leader.epoch === epoch) return
    this.kernel.count('refused epoch')
    throw new Refused('not_leading', `epoch ${epoch} is over`)
  }

  read<T>(body: () => T): T {
    if (this.away) throw new Refused('away', 'the database is away')
    return body()
  }

  write<T extends object>(row: T, patch: Partial<T>): void {
    const before: Partial<T> = {}
    for (const key in patch) before[key] = row[key]
    this.#undo.push(() => Object.assign(row, before))
    Object.assign(row, patch)
  }

  insert<T>(table: T[], row: T): void {
    table.push(row)
    this.#undo.push(() => void table.pop())
  }

  put<K, V>(table: Map<K, V>, key: K, value: V): void {
    const before = table.get(key)
    table.set(key, value)
    this.#undo.push(() => (before === undefined ? void table.delete(key) : void table.set(key, before)))
  }

  remove<K, V>(table: Map<K, V>, key: K): void {
    const before = table.get(key)
    if (before === undefined) return
    table.delete(key)
    this.#undo.push(() => void table.set(key, before))
  }

  item(id: number): ItemRow {
    return found(this.items[id - 1], 'item', id)
  }

  run(id: number): RunRow {
    return found(this.runs[id - 1], 'run', id)
  }

  effect(id: number): EffectRow {
    return found(this.effects[id - 1], 'effect', id)
  }

  liveRuns(): RunRow[] {
    return this.runs.filter((run) => isLiveRun(run.status))
  }

  day(at: number): string {
    return new Date(at).toISOString().slice(0, 10)
  }
}

function found<T>(row: T | undefined, what: string, id: number): T {
  if (row === undefined) throw new Error(`there is no ${what} ${id}`)
  return row
}
