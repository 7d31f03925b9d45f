import type { RunKind, RunStatus, WorkStatus, OutcomeCode, AccountState } from '@factory/shared'

/** Times in the tables are the database's, in milliseconds since 1970. */
export type ItemRow = {
  id: number
  repo: string
  status: WorkStatus
  priorityRank: number
  queuedAt: number
  spec: string | null
  files: readonly string[]
  notBefore: number | null
  waitCode: string | null
  attempts: number
  losses: number
  maxAttempts: number
  currentRunId: number | null
  wipSha: string | null
  baseSha: string | null
  evidence: boolean
  failureCode: OutcomeCode | string | null
  failureMessage: string | null
  question: string | null
  branch: string | null
  pullNumber: number | null
  completedAt: number | null
  revision: number
  parked: boolean
  blockedBy: number | null
}
export type ItemPatch = Partial<Omit<ItemRow, 'id' | 'repo' | 'status' | 'revision' | 'parked' | 'blockedBy' | 'maxAttempts' | 'priorityRank'>>

export type RunRow = {
  id: number
  itemId: number
  repo: string
  kind: RunKind
  status: RunStatus
  token: number
  worker: string
  startedAt: number
  leaseExpiresAt: number
  registeredAt: number | null
  heartbeatAt: number | null
  granted: number
  iterations: number
  headSha: string | null
  baseSha: string | null
  cancel: { code: 'cancelled' | 'killed'; reason: string } | null
  cleanedAt: number | null
  /** Not in the database: what invariants go by. */
  ghost: RunGhost
}

export type RunGhost = {
  /** Paths that it was told to hold. */
  granted: ReadonlySet<string>
  /** Real time at which its lease ends. */
  leaseUntil: number
  /** Which trial of the account it is; null: none. */
  canary: number | null
  /** Real time of its admission. */
  admittedAt: number
}

export type EventRow = { itemId: number | null; runId: number | null; type: string; patch: Partial<ItemRow> | null }

export type EffectRow = {
  id: number
  itemId: number
  payload: { repo: string; branch: string; headSha: string }
  status: 'pending' | 'done' | 'failed'
  attempts: number
  nextAttemptAt: number
  owedSince: number
}

export type LockRow = { repo: string; path: string; runId: number; expiresAt: number }
export type LeaderRow = { holder: string | null; epoch: number; expiresAt: number; seenAt: number | null }
export type AccountRow = { state: AccountState; pausedUntil: number | null; canaryRunId: number | null; probes: number; limitedAt: number }
export type LimitsRow = { maxWorkers: number | null; dailyIterations: number | null }
