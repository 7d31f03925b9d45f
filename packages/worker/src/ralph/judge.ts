import { RALPH_EXIT, type OutcomeCode, type RunKind, type RunOutcome } from '@factory/shared'
import type { Ending } from '../ending.ts'
import { failWith } from '../ending.ts'
import type { Story } from './fold.ts'

/** Ralph's end, with what it left in files. */
export type RalphEnd = {
  kind: RunKind
  /** null: ended by a signal. */
  exitCode: number | null
  story: Story
  /** SPEC.md as it is now. */
  spec: string | null
  /** .ai/stuck.md */
  stuck: string | null
  /** .ai/question.md */
  question: string | null
  /** Last words on stderr. */
  stderr: string
}

type Verdict = { call: 'fail' | 'pause'; code: OutcomeCode }

/** Exit codes that end a run the same way whatever its kind. */
const BY_EXIT: ReadonlyMap<number, Verdict> = new Map<number, Verdict>([
  [RALPH_EXIT.limit, { call: 'fail', code: 'limit_reached' }],
  [RALPH_EXIT.paused, { call: 'pause', code: 'usage_limit' }],
  [RALPH_EXIT.auth, { call: 'fail', code: 'auth' }],
  [RALPH_EXIT.badSpec, { call: 'fail', code: 'bad_spec' }],
  [RALPH_EXIT.baseUnverifiable, { call: 'fail', code: 'base_unverifiable' }],
  [RALPH_EXIT.lockConflict, { call: 'pause', code: 'lock_conflict' }],
  [RALPH_EXIT.interrupted, { call: 'fail', code: 'cancelled' }],
  [RALPH_EXIT.terminated, { call: 'fail', code: 'cancelled' }],
])

/** How the run ends, from how Ralph ended. */
export function judge(end: RalphEnd): Ending {
  const { story, exitCode } = end
  const { finished } = story
  const reason = finished?.reason ?? ''
  if (!finished || exitCode === null) return failWith('internal', crash(end))
  const report = finished.report ?? undefined

  // A clean room that measured something did its work, whatever it found.
  if (end.kind === 'verify' && report) return { call: 'complete', body: { report, summary: report.reason } }
  if (exitCode === RALPH_EXIT.verified) {
    if (end.kind === 'verify') return failWith('internal', 'ralph verify ended without a report')
    if (end.spec === null) return failWith('internal', 'ralph ended well, but SPEC.md is gone')
    if (end.kind === 'spec') return { call: 'complete', body: { spec: end.spec } }
    return { call: 'complete', body: { spec: end.spec, ...(report ? { report } : {}), ...(story.said.length > 0 ? { summary: tell(story.said) } : {}) } }
  }
  if (exitCode === RALPH_EXIT.stuck) {
    const told = [end.kind === 'spec' ? end.question : end.stuck, story.stuck.join('\n'), reason].find((text) => text !== null && text.trim() !== '') ?? 'no reason was given'
    const code = end.kind === 'spec' ? 'needs_input' : 'stuck'
    return { call: 'stuck', body: { outcome: { code, message: (reason || told).slice(0, 20_000), until: null }, report: told.slice(0, 60_000) } }
  }
  const verdict = BY_EXIT.get(exitCode) ?? { call: 'fail', code: 'internal' }
  const outcome: RunOutcome = { code: verdict.code, message: (reason || crash(end)).slice(0, 20_000), until: finished.until }
  if (verdict.call === 'pause') return { call: 'pause', body: { outcome } }
  return { call: 'fail', body: { outcome, ...(report ? { report } : {}) } }
}

function crash({ exitCode, stderr, story }: RalphEnd): string {
  const how = exitCode === null ? 'was ended by a signal' : `ended with exit code ${exitCode}`
  return `ralph ${how}${story.finished ? '' : ' without saying how the run went'}${stderr.trim() ? `: ${stderr.trim().slice(-2000)}` : ''}`
}

/** What was done, for the pull request: one iteration in its own words, several as a list. */
function tell(said: readonly string[]): string {
  const [only] = said
  if (said.length === 1 && only !== undefined) return only.slice(0, 20_000)
  return said.map((text) => `- ${text.replace(/\s+/g, ' ').slice(0, 500)}`).join('\n').slice(0, 20_000)
}
