export type RefusalCode =
  | 'lost' // no answer came
  | 'away' // nobody there
  | 'illegal_move' // FX001
  | 'stale_token' // FX002, or 409
  | 'not_leading' // FX003, or by its own clock
  | 'engine_unavailable'
  | 'start_failed'
  | 'image_unusable'
  | 'unreachable'
  | 'rate_limited'
  | 'validation'
  | 'unknown'
  | 'not_owed'
  | 'conflict'
  | 'forbidden'

/** Every failure that the protocol must live with. Anything else that is thrown is a mistake of the simulation. */
export class Refused extends Error {
  readonly code: RefusalCode
  readonly retryAt: number | null
  constructor(code: RefusalCode, message: string, retryAt: number | null = null) {
    super(message)
    this.code = code
    this.retryAt = retryAt
  }
}

/** @throws whatever is no refusal */
export function asRefused(error: unknown): Refused {
  if (error instanceof Refused) return error
  throw error
}
