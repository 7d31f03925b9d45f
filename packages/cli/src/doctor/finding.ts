export type FindingStatus = 'ok' | 'warn' | 'fail' | 'skipped'

/** What one check found. `warn` works but not as well as it could; `fix` is there when something is to be done. */
export type Finding = { name: string; status: FindingStatus; detail: string; fix: string | null }

export const ok = (name: string, detail: string): Finding => ({ name, status: 'ok', detail, fix: null })
export const warn = (name: string, detail: string, fix: string): Finding => ({ name, status: 'warn', detail, fix })
export const fail = (name: string, detail: string, fix: string): Finding => ({ name, status: 'fail', detail, fix })
export const skipped = (name: string, detail: string): Finding => ({ name, status: 'skipped', detail, fix: null })

/** The whole is well when nothing fails. */
export function isHealthy(findings: readonly Finding[]): boolean {
  return findings.every((finding) => finding.status !== 'fail')
}
