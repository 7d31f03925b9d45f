import type { Priority, RunStatus, Waiting, WorkStatus } from '@factory/shared'
import type { Tone } from './style.ts'
import { visibleLine } from './visible.ts'

export const WORK_WORD = {
  drafting: ['drafting', 'plain'],
  awaiting_approval: ['needs approval', 'wait'],
  needs_input: ['needs answer', 'wait'],
  queued: ['queued', 'plain'],
  in_progress: ['working', 'strong'],
  verifying: ['verifying', 'strong'],
  publishing: ['publishing', 'strong'],
  completed: ['completed', 'good'],
  failed: ['failed', 'bad'],
  cancelled: ['cancelled', 'quiet'],
} as const satisfies Record<WorkStatus, readonly [string, Tone]>

export const RUN_TONE = { starting: 'plain', running: 'strong', succeeded: 'good', failed: 'bad', stuck: 'wait', paused: 'wait', cancelled: 'quiet', lost: 'wait' } as const satisfies Record<RunStatus, Tone>
export const PRIORITY_TONE = { critical: 'bad', high: 'wait', medium: 'plain', low: 'quiet' } as const satisfies Record<Priority, Tone>

/** A length of time, shortest sensible form: "42s", "3m", "2h05m", "4d". */
export function shortDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole}s`
  if (whole < 3600) return `${Math.floor(whole / 60)}m`
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')}m`
  return `${Math.floor(whole / 86_400)}d`
}

export function age(iso: string, now: number): string {
  return shortDuration((now - Date.parse(iso)) / 1000)
}

export function money(usd: number): string {
  return `$${usd.toFixed(2)}`
}

/** Why something waits and until when, as one line. */
export function waitingLine(waiting: Waiting, now: number): string {
  const words = `${waiting.code.replaceAll('_', ' ')}${waiting.message ? `: ${visibleLine(waiting.message)}` : ''}`
  return waiting.until ? `${words} (${shortDuration((Date.parse(waiting.until) - now) / 1000)} more)` : words
}
