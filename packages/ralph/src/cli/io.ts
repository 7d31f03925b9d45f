import type { openLog } from '../events/log.ts'

/** The process as the commands see it; a test hands in its own. */
export type Io = {
  env: Record<string, string | undefined>
  cwd: string
  /** Standard output, whole lines. */
  out: (line: string) => void
  /** Standard error. */
  err: (text: string) => void
  color: boolean
  /** Set where standard error is a terminal that can be drawn on. */
  terminal?: { columns: () => number } | undefined
  /** false where one terminal shows both outputs: events then go to their file only, people read. */
  eventsOut?: boolean
  now: () => Date
  /** Aborted with reason SIGINT or SIGTERM. */
  signal: AbortSignal
  heartbeatMs?: number
  /** Where events are kept; a test hands in a disk that fails. */
  openLog?: typeof openLog
}
