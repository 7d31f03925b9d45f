import { RALPH_EXIT } from '@factory/shared/ralph'
import type { Refused } from './ask-all.ts'

/** How a run ends whose locks cannot be asked for: nothing is undone, and nothing counts as done. */
export function unasked(paths: readonly Refused[]): { exitCode: typeof RALPH_EXIT.lockConflict; reason: string } {
  const named = paths.slice(0, 5).map(({ path, reason }) => `${path} (${reason})`).join('; ')
  return { exitCode: RALPH_EXIT.lockConflict, reason: `locks cannot be asked for: ${named}${paths.length > 5 ? ` and ${paths.length - 5} more` : ''}` }
}
