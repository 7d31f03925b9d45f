import type { EndedBy, Usage } from '@factory/shared/ralph'

/** One thing the agent did, told while it works. */
export type Activity = {
  kind: 'text' | 'tool' | 'tool_result' | 'retry' | 'system'
  summary: string
  tool: string | null
  parent: string | null
}

/** Takes an absolute path. null: go on. Never rejects. */
export type BeforeEdit = (path: string) => Promise<string | null>

export type AgentTask = {
  dir: string
  prompt: string
  /** Added to the agent's own system prompt. */
  rules: string
  model: string | null
  maxCostUsd: number
  limitMs: number
  /** The only tools it may use; null: all but those that reach outside. */
  tools: readonly string[] | null
  /**
   * Asked before the agent edits a file by its own tools; an answer other than null is the reason why
   * not, which the agent gets to read. An implementation that cannot ask MUST NOT let the edit happen.
   * null: nobody needs to be asked.
   */
  beforeEdit: BeforeEdit | null
  signal: AbortSignal
  onActivity(activity: Activity): void
}

/**
 * What became of one fresh-context execution. Only `worked` and `failed` count as an iteration;
 * limits and outages say nothing about the work.
 */
export type Verdict =
  | { kind: 'worked' }
  /** It ran and ended badly: too many turns, out of money, crashed, silent, took too long. */
  | { kind: 'failed'; reason: string }
  /** The account's window is used up. `until` is epoch milliseconds. */
  | { kind: 'usage_limit'; until: number | null; reason: string }
  /** The credential is refused, or billing. */
  | { kind: 'auth'; reason: string }
  /** Overloaded, failing or rate limited without a reset time. */
  | { kind: 'overloaded'; reason: string }
  | { kind: 'network'; reason: string }
  /** We were asked to stop. */
  | { kind: 'aborted' }

export type AgentResult = {
  verdict: Verdict
  /** What this execution alone used, subagents included; `iterations` is 0, the loop counts. */
  usage: Usage
  /** Set when the agent's own rules ended it although it would have gone on; an abort is none. */
  endedBy: EndedBy | null
  /** The agent's last words. */
  text: string | null
}

/**
 * A command-line agent behind one call. An implementation MUST
 * - start with a fresh context and an environment made from nothing but an allow-list;
 * - resolve, never reject, whatever the program does; a program that cannot be started is `failed`;
 * - end the program and everything it started before it resolves, at the latest some seconds after
 *   `limitMs` (`endedBy: 'time'`) or an abort (`aborted`), and also when it is silent for long while no
 *   tool runs (`silence`) or makes the same tool call over and over (`same_call`);
 * - decide by the program's structured answer, never by wording or exit code, and never by what a tool
 *   printed;
 * - tell its activities while it works, and none after it resolved;
 * - ask `beforeEdit`, where it is given, before each edit by the agent's own tools;
 * - report usage also of executions that failed, as far as the program told it.
 *
 * `contract.test.ts` holds every implementation to this; `choose.ts` names them.
 */
export interface Agent {
  readonly name: string
  run(task: AgentTask): Promise<AgentResult>
}
