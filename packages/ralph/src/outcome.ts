import { RALPH_EXIT, type RalphExit, type Usage, type VerifyReport } from '@factory/shared/ralph'

/** How a run ended; what `run.finished` says. */
export type Outcome = {
  exitCode: RalphExit
  reason: string
  until: string | null
  headSha: string | null
  usage: Usage
  report: VerifyReport | null
}

/** An ending that is found out deep inside a step, before there is anything to report. */
export class Ended extends Error {
  readonly exitCode: RalphExit

  constructor(exitCode: RalphExit, reason: string) {
    super(reason)
    this.name = 'Ended'
    this.exitCode = exitCode
  }
}

/** What an abort's reason means as an exit code. */
export function interrupted(signal: AbortSignal): { exitCode: RalphExit; reason: string } {
  return signal.reason === 'SIGINT' ? { exitCode: RALPH_EXIT.interrupted, reason: 'interrupted' } : { exitCode: RALPH_EXIT.terminated, reason: 'terminated' }
}

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    iterations: a.iterations + b.iterations,
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    costUsd: a.costUsd + b.costUsd,
  }
}
