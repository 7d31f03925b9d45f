import type { ErrorCode } from '@factory/shared'

/** What the program's exit code tells a script. Part of `--help` and README.md. */
export const EXIT = { ok: 0, failed: 1, notFound: 2, refused: 3, unreachable: 4, usage: 64 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export const EXIT_WORDS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.ok, 'done'],
  [EXIT.failed, 'failed, or doctor found something that does not work'],
  [EXIT.notFound, 'there is no such item, worker or page'],
  [EXIT.refused, 'refused: token not accepted, or not possible in this state'],
  [EXIT.unreachable, 'the orchestrator does not answer'],
  [EXIT.usage, 'wrong arguments or settings'],
]

export const EXIT_OF = {
  bad_request: EXIT.failed,
  unauthorized: EXIT.refused,
  forbidden: EXIT.refused,
  not_found: EXIT.notFound,
  conflict: EXIT.refused,
  stale_token: EXIT.refused,
  too_large: EXIT.failed,
  unprocessable: EXIT.failed,
  rate_limited: EXIT.failed,
  internal: EXIT.failed,
  unavailable: EXIT.unreachable,
} as const satisfies Record<ErrorCode, ExitCode>

/** The arguments do not say what to do. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}
