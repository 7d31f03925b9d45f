import { parseSpec, type CheckResult, type Usage, type VerifyReport } from '@factory/shared'

export type PullFacts = {
  itemId: number
  title: string
  /** Issue number when the item came from an issue of this very repository. */
  closes: number | null
  sourceUrl: string | null
  spec: string | null
  summary: string | null
  report: VerifyReport
  usage: Usage
}

/** Hidden in every pull request, so that the factory knows its own again. */
export function pullMarker(itemId: number): string {
  return `<!-- factory:item:${itemId} -->`
}

/** Title and body of a pull request: what was asked, what was done, and the evidence. */
export function renderPull(facts: PullFacts): { title: string; body: string } {
  const spec = facts.spec === null ? null : parseSpec(facts.spec)
  const parts: string[] = []
  if (facts.closes !== null) parts.push(`Closes #${facts.closes}`)
  else if (facts.sourceUrl !== null) parts.push(`Asked for in ${facts.sourceUrl}`)
  const goal = spec?.goal.trim()
  if (goal) parts.push(quiet(goal))
  if (facts.summary?.trim()) parts.push(`## What was done\n\n${quiet(facts.summary.trim())}`)
  if (spec && spec.tasks.length > 0) parts.push(`## Tasks\n\n${spec.tasks.map((task) => `- [${task.done ? 'x' : ' '}] ${quiet(oneLine(task.text))}`).join('\n')}`)
  parts.push(renderEvidence(facts.report))
  parts.push(`<sub>Work item ${facts.itemId} · ${facts.usage.iterations} iterations · $${facts.usage.costUsd.toFixed(2)}</sub>`)
  parts.push(pullMarker(facts.itemId))
  // the spec says what changes, where an issue often says what hurts
  return { title: quiet(oneLine(spec?.title || facts.title)).slice(0, 240), body: parts.join('\n\n').slice(0, 60_000) }
}

/** What the clean room measured, as a table a reviewer can read. */
export function renderEvidence(report: VerifyReport): string {
  const base = new Map(report.base.map((check) => [check.command, check]))
  const rows = report.head.map((check) => `| \`${cell(check.command)}\` | ${word(base.get(check.command))} | ${word(check)} |`)
  const lines = ['## Evidence', '', `${quiet(oneLine(report.reason))}`, '']
  if (rows.length > 0) lines.push(`| check, in a clean container | base \`${report.baseSha.slice(0, 8)}\` | head \`${report.headSha.slice(0, 8)}\` |`, '|---|---|---|', ...rows)
  const { files, insertions, deletions } = report.diff
  lines.push('', `${files} ${files === 1 ? 'file' : 'files'} changed, +${insertions} −${deletions}`)
  if (report.findings.length > 0) {
    // What the spec asked for passed only because of that: it comes first, and says so.
    const marked = report.findings.toSorted((a, b) => Number(b.asked) - Number(a.asked))
    lines.push('', 'Look at:', ...marked.map((finding) => `- ${finding.asked ? '⚠️ **asked for by the spec, for a person to confirm** ' : ''}${finding.path ? `\`${cell(finding.path)}\`: ` : ''}${quiet(oneLine(finding.message))}`))
  }
  return lines.join('\n')
}

function word(check: CheckResult | undefined): string {
  if (!check) return 'not run'
  const state = check.timedOut ? '⏱ time limit' : check.exitCode === 0 ? '✅ passed' : `❌ exit ${check.exitCode ?? 'signal'}`
  const tests = check.tests ? `, ${check.tests.passed} passed, ${check.tests.failed} failed, ${check.tests.skipped} skipped` : ''
  return `${state}${tests} (${(check.durationMs / 1000).toFixed(1)} s)`
}

const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim()
const cell = (text: string) => oneLine(text).replace(/[|`]/g, "'")

/** Text from outside must not call people or other issues, nor open a hidden comment. */
function quiet(text: string): string {
  return text
    .replace(/<!--/g, '<\u200b!--')
    .replace(/(^|[^\w`])@(?=[A-Za-z0-9])/g, '$1@\u200b')
    .replace(/\b(close[sd]?|fix(?:e[sd])?|resolve[sd]?)(\s*:?\s+)#(?=\d)/gi, '$1$2#\u200b')
}
