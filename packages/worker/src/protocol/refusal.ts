import { FactoryError } from '@factory/shared'

/** `fenced`: we may not speak any more. `unreadable`: this very call will never be taken. `away`: later. */
export type Refusal = 'fenced' | 'unreadable' | 'away'

/** What a failed call of the worker protocol means for the run. */
export function readRefusal(error: unknown): Refusal {
  if (!(error instanceof FactoryError)) return 'away'
  switch (error.code) {
    case 'stale_token':
    case 'conflict':
    case 'unauthorized':
    case 'forbidden':
      return 'fenced'
    case 'bad_request':
    case 'too_large':
    case 'unprocessable':
      return 'unreadable'
    case 'not_found':
    case 'rate_limited':
    case 'internal':
    case 'unavailable':
      return 'away'
  }
}

export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
