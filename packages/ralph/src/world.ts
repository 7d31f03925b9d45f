import type { Agent } from './agents/agent.ts'
import type { Emit } from './events/writer.ts'

/** Everything a run needs from outside; a test overrides what it wants to see. */
export type World = {
  agent: Agent
  emit: Emit
  /** The sequence number of the event that comes next. */
  nextSeq: () => number
  /** No heartbeat is emitted while this goes on: some milliseconds. */
  withoutHeartbeat: (use: () => Promise<void>) => Promise<void>
  /** Of the checkout, see `keyOf`: what a killed run left is known by it. */
  key: string
  /** The search path of our own git calls. */
  path: string
  /** Environment of setup and verify commands; holds no credential. */
  commandEnv: Record<string, string>
  /** Ralph's own environment, whole: for the caller's own command, and nothing else. */
  callerEnv: Record<string, string | undefined>
  /** Epoch milliseconds. */
  now: () => number
  /** Resolves after the time, or as soon as the signal is aborted. */
  sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** Aborted with reason SIGINT or SIGTERM when the run is to stop. */
  signal: AbortSignal
}
