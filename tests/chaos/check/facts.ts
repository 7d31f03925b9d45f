/** Rows as the database gives them, whole: `to_jsonb(row)`. */
export type ItemRow = Record<string, unknown> & { id: number; source_id: string; repo: string; status: string }
export type RunRow = { id: number; item_id: number; kind: string; status: string; token: number; worker: string; head_sha: string | null; iterations: number; iterations_granted: number; cleaned_at: string | null; outcome: { message: string } | null; log_tail: string | null }
export type EventRow = { seq: number; type: string; item_id: number | null; run_id: number | null; data: Record<string, unknown>; patch: Record<string, unknown> | null }
export type EffectRow = { item_id: number; status: string; payload: { branch: string; headSha: string } }
export type Pull = { repo: string; number: number; head: string; headSha: string; state: string }
/** One line of the workers' journal. */
export type Note = { itemId: number; token: number; what: string }

/** Everything that can be seen of a factory from outside once it stands still. */
export type Facts = {
  limits: { workers: number; workersPerRepo: number; dailyIterations: number }
  /** What was asked for. */
  asked: readonly { sourceId: string; repo: string }[]
  items: readonly ItemRow[]
  runs: readonly RunRow[]
  /** In the order of `seq`. */
  events: readonly EventRow[]
  effects: readonly EffectRow[]
  /** Iterations that the busiest day has used. */
  iterationsUsed: number
  pulls: readonly Pull[]
  journal: readonly Note[]
  /** Names of what should be gone: locks, processes, directories, containers. */
  left: { locks: readonly string[]; mirroredLocks: readonly string[]; processes: readonly string[]; directories: readonly string[]; containers: readonly string[] }
}

export const RULES = ['lost', 'duplicate_pull', 'wrong_pull', 'illegal_move', 'replay', 'run_ended', 'limit_exceeded', 'two_at_once', 'token', 'left_behind'] as const
export type Rule = (typeof RULES)[number]
export type Violation = { rule: Rule; about: string; detail: string }
