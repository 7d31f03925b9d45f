import { FactoryError } from '@factory/shared'

/** An error as what went wrong and what a person can do about it. */
export function problem(error: Error): { what: string; fix: string } {
  if (!(error instanceof FactoryError)) {
    return error.name === 'ZodError'
      ? { what: 'The orchestrator answered something this page does not understand', fix: 'Page and orchestrator are probably of different versions. Restart both, then reload.' }
      : { what: 'Something went wrong in this page', fix: `${error.message}. Reload; if it stays, please report it.` }
  }
  switch (error.code) {
    case 'unavailable':
      return { what: 'The orchestrator does not answer', fix: 'Is it running? `factory doctor` tells what is wrong. This page tries again by itself.' }
    case 'unauthorized':
    case 'forbidden':
      return { what: 'The token is not accepted', fix: 'Sign out and sign in with the token that the factory printed on its first start.' }
    case 'not_found':
      return { what: 'There is no such thing', fix: error.message }
    case 'conflict':
    case 'stale_token':
      return { what: 'That is not possible any more', fix: `${error.message}. The page shows the newest state.` }
    default:
      return { what: error.message, fix: error.details.map((detail) => `${detail.path}: ${detail.problem}`).join('; ') || 'See the orchestrator\'s log for more.' }
  }
}
