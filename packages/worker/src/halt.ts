/**
 * Why a run must stop before its end.
 * - `fenced`: the run no longer has the right to speak or to push (lease lost, token stale). Exit 3.
 * - `cancelled`: the orchestrator told it to. Its work is pushed and its end told first. Exit 4.
 * - `terminated`: a signal from outside. Its work is pushed first. Exit 143.
 */
export type Halt = { kind: 'fenced' | 'cancelled' | 'terminated'; reason: string }

export const HALT_EXIT = { fenced: 3, cancelled: 4, terminated: 143 } as const satisfies Record<Halt['kind'], number>

/** Thrown through the straight line of a run when it is stopped. */
export class Halted extends Error {
  readonly halt: Halt
  constructor(halt: Halt) {
    super(halt.reason)
    this.name = 'Halted'
    this.halt = halt
  }
}

/** The one stop switch of a run. `fenced` wins over the others: after it nothing may be pushed. */
export type Switch = {
  /** Fires on the first stop, whatever its kind. */
  signal: AbortSignal
  /** Fires only when the run lost its right to act; ends what a gentler stop lets finish. */
  fence: AbortSignal
  stop(halt: Halt): void
  readonly halt: Halt | null
  /** @throws Halted */
  check(): void
}

export function createSwitch(): Switch {
  const any = new AbortController()
  const fence = new AbortController()
  let current: Halt | null = null
  return {
    signal: any.signal,
    fence: fence.signal,
    get halt() {
      return current
    },
    stop(halt) {
      if (current?.kind === 'fenced' || (current && halt.kind !== 'fenced')) return
      current = halt
      if (halt.kind === 'fenced') fence.abort(new Halted(halt))
      any.abort(new Halted(halt))
    },
    check() {
      if (current) throw new Halted(current)
    },
  }
}

/** Was this signal fired because the run lost its right to act? Then what it started is killed, not asked. */
export const isFence = (signal: AbortSignal): boolean => signal.reason instanceof Halted && signal.reason.halt.kind === 'fenced'
