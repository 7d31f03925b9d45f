import type { Agent } from './agents/agent.ts'
import type { Emit } from './events/writer.ts'

/** Everything a run needs from outside; a test overrides what it wants to see. */
export type World = {
  agent: Agent
  emit: Emit
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
