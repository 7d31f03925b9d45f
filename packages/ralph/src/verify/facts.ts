import type { CheckResult, IntegrityFinding } from '@factory/shared/ralph'
import type { Ran } from './measured.ts'

/** T: a file became a link or a submodule, or the other way round. */
export type Change = { status: 'A' | 'M' | 'D' | 'R' | 'T'; path: string; from: string | null }

/** A changed file that integrity reads. Line ends are \n; null: not there on that side, or not readable. */
export type FileText = {
  path: string
  /** Where it was at base, when that is another place. */
  from: string | null
  base: string | null
  head: string | null
  /** Why a side that is there could not be read: "binary", "larger than …". */
  unread: string | null
}

export type ChangeFacts = {
  onBase: boolean
  /** Changes in the tree that no commit holds. */
  dirty: readonly string[]
  changes: readonly Change[]
  files: readonly FileText[]
  /** Further files that there was no time for. */
  passedOver: number
  /** Setup and verify commands, and what those call; see {@link readCalled}. */
  commands: readonly string[]
  /** Paths of scripts that these run. */
  scripts: readonly string[]
  /** Files that Makefiles take in. */
  included: readonly string[]
  /** Functions of unchanged files that assert something for tests which call them now. */
  helpers: readonly string[]
  base: readonly CheckResult[]
  head: readonly CheckResult[]
  /** What the checks ran, where it is known better than by {@link CheckResult}. */
  ranBase: readonly Ran[]
  ranHead: readonly Ran[]
}

/**
 * A finding with what a spec would have to name to ask for it. `names` are ways to say the thing; where
 * `scope` is not empty, one of its words has to be there too (a script beside its package.json).
 */
export type Found = IntegrityFinding & { names: readonly string[]; scope: readonly string[]; lost: number }

export function found(rule: IntegrityFinding['rule'], path: string | null, message: string, more: { blocking?: boolean; names?: readonly string[]; scope?: readonly string[]; lost?: number } = {}): Found {
  return { rule, path, message: message.slice(0, 500), blocking: more.blocking ?? true, asked: false, names: more.names ?? [], scope: more.scope ?? [], lost: more.lost ?? 0 }
}

/** Without what only we need. */
export function toFinding({ rule, path, message, blocking, asked }: Found): IntegrityFinding {
  return { rule, path, message, blocking, asked }
}
