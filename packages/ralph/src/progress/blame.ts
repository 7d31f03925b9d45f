import type { VerifyReport } from '@factory/shared/ralph'

/** What one iteration worked on, changed, and failed with afterwards. */
export type Touched = { task: string; paths: readonly string[]; failure: string | null }

/**
 * The task that a failed verification opens again: that of the last iteration that touched a path which a
 * finding names; else that of the iteration with which the trouble of now began; else null.
 */
export function blame(report: VerifyReport, history: readonly Touched[], failure: string | null): string | null {
  const accused = new Set(report.findings.filter((finding) => finding.blocking).flatMap((finding) => finding.path ?? []))
  const toucher = history.findLast((entry) => entry.paths.some((path) => accused.has(path)))
  if (toucher) return toucher.task
  if (failure === null) return null
  return history.slice(history.findLastIndex((entry) => entry.failure !== failure) + 1)[0]?.task ?? null
}
