/** The process as the commands see it; a test hands in its own. */
export type Io = {
  env: Record<string, string | undefined>
  cwd: string
  /** Standard output, whole lines. */
  out: (line: string) => void
  /** Standard error. */
  err: (text: string) => void
  color: boolean
  now: () => Date
  /** Aborted with reason SIGINT or SIGTERM. */
  signal: AbortSignal
  heartbeatMs?: number
}
