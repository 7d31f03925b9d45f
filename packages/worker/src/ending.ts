import type { CompleteRequest, FailRequest, OutcomeCode, PauseRequest, StuckRequest } from '@factory/shared'

/** How a run ends towards the orchestrator, before what all endings share is added. */
export type Ending =
  | { call: 'complete'; body: Pick<CompleteRequest, 'spec' | 'report' | 'summary'> }
  | { call: 'fail'; body: Pick<FailRequest, 'outcome' | 'report'> }
  | { call: 'stuck'; body: Pick<StuckRequest, 'outcome' | 'report'> }
  | { call: 'pause'; body: Pick<PauseRequest, 'outcome'> }

/** A step could not be done, for a reason with a code. Ends the run by `fail`. */
export class RunFailure extends Error {
  readonly code: OutcomeCode
  constructor(code: OutcomeCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RunFailure'
    this.code = code
  }
}

export const failWith = (code: OutcomeCode, message: string): Ending => ({ call: 'fail', body: { outcome: { code, message: message.slice(0, 20_000), until: null } } })
