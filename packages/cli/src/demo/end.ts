import type { Usage, VerifyReport } from '@factory/shared'
import type { Style } from '../terminal/style.ts'
import { visibleLine } from '../terminal/visible.ts'

/** How a demo ended; the document that `--json` prints. */
export type DemoEnd = {
  ok: boolean
  status: string
  failure: string | null
  seconds: number
  issue: { url: string; labels: string[] }
  pull: { url: string; title: string; additions: number; deletions: number; files: { filename: string; additions: number; deletions: number }[] } | null
  evidence: VerifyReport | null
  usage: Usage | null
  dashboard: string
}

export function renderEnd(end: DemoEnd, style: Style): string {
  const lines = ['']
  const row = (name: string, value: string) => lines.push(`${style('quiet', name.padEnd(12))} ${value}`)
  lines.push(end.ok ? style('good', `From a label to a pull request in ${end.seconds} s.`) : style('bad', `No pull request after ${end.seconds} s: ${end.status}${end.failure ? `: ${visibleLine(end.failure)}` : ''}`), '')
  if (end.pull) {
    row('pull request', `${end.pull.url}  "${visibleLine(end.pull.title)}"`)
    row('diff', `${end.pull.files.length} files changed, +${end.pull.additions} −${end.pull.deletions}`)
    for (const file of end.pull.files) lines.push(`${' '.repeat(13)}${visibleLine(file.filename).padEnd(28)} +${file.additions} −${file.deletions}`)
  }
  if (end.evidence) {
    row('evidence', visibleLine(end.evidence.reason))
    const base = new Map(end.evidence.base.map((check) => [check.command, check]))
    for (const check of end.evidence.head) {
      const tests = (of: typeof check | undefined) => (of?.tests ? `${of.tests.passed} tests passed, ${of.tests.failed} failed` : of ? `exit ${of.exitCode}` : 'not run')
      lines.push(`${' '.repeat(13)}${visibleLine(check.command)}: base ${tests(base.get(check.command))}; head ${tests(check)}`)
    }
  }
  row('issue', `${end.issue.url}  [${end.issue.labels.join(', ')}]`)
  if (end.usage) row('cost', `${end.usage.iterations} iterations, $${end.usage.costUsd.toFixed(4)} (the scripted model's figures)`)
  row('dashboard', end.dashboard)
  return `${lines.join('\n')}\n`
}
