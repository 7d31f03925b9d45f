import { parseSpec, type Run, type VerifyReport, type WorkItem, type WorkStatus } from '@factory/shared'
import { stateLabels, type LabelNames } from '../labels.ts'
import { advice } from './advice.ts'
import { block, code, neutralLine, quotation } from './quote.ts'
import { marker } from './find-comment.ts'

/** What the issue should show: its one label of ours, the ones it must not have, its one comment. */
export type Report = { label: keyof LabelNames | null; remove: string[]; comment: string }

/** GitHub's limit for a comment is 65,536 characters. */
const MAX_COMMENT = 60_000

/** The label for each state. The trigger goes as soon as there is an item: it is a request, and it was heard. */
const LABEL_FOR = {
  drafting: 'working',
  awaiting_approval: 'needsInfo',
  needs_input: 'needsInfo',
  queued: 'working',
  in_progress: 'working',
  verifying: 'working',
  publishing: 'working',
  completed: 'pr',
  failed: 'failed',
  cancelled: null,
} as const satisfies Record<WorkStatus, keyof LabelNames | null>

const HEADLINE = {
  drafting: 'The factory is writing a spec for this issue.',
  awaiting_approval: 'The spec is written and waits for a person’s approval.',
  needs_input: 'The factory has a question.',
  queued: 'This issue is in the factory’s queue.',
  in_progress: 'The factory is working on this issue.',
  verifying: 'The work is done and is being checked in a clean room.',
  publishing: 'The work is verified; the pull request is being opened.',
  completed: 'The factory opened a pull request.',
  failed: 'The factory gave up on this issue.',
  cancelled: 'The factory stopped working on this issue.',
} as const satisfies Record<WorkStatus, string>

export type ReportOptions = { labels: LabelNames; triggers: readonly string[]; dashboardUrl?: string | undefined }

/** What an issue should show of its item. */
export function renderReport(item: WorkItem, options: ReportOptions): Report {
  const { labels } = options
  const label = LABEL_FOR[item.status]
  const keep = label === null ? null : labels[label]
  const parts = [`**${HEADLINE[item.status]}**`, ...body(item, labels), ...footer(item, options)].filter(Boolean)
  const text = `${marker(item.id)}\n${parts.join('\n\n')}`
  return {
    label,
    remove: [...new Set([labels.trigger, ...options.triggers, ...stateLabels(labels)])].filter((name) => name !== keep),
    comment: text.length > MAX_COMMENT ? `${text.slice(0, MAX_COMMENT)}\n\n…` : text,
  }
}

function body(item: WorkItem, labels: LabelNames): string[] {
  switch (item.status) {
    case 'drafting':
    case 'queued':
      return [waiting(item), tasks(item)]
    case 'in_progress':
      return [progress(item.run), tasks(item)]
    case 'awaiting_approval':
      return [item.spec ? `<details><summary>The spec</summary>\n\n${block(item.spec, 20_000)}\n\n</details>` : '']
    case 'needs_input':
      return [quotation(item.question ?? 'What exactly should be done?'), `Answer in a comment, or edit the issue. Closing it, or taking off \`${labels.needsInfo}\`, ends the work.`]
    case 'verifying':
    case 'publishing':
      return [waiting(item), tasks(item), evidence(item.evidence)]
    case 'completed':
      return [item.pull ? `Pull request: ${item.pull.url}` : '', evidence(item.evidence)]
    case 'failed':
      return [failure(item), evidence(item.evidence), advice(item.failure?.code ?? 'internal', labels)]
    case 'cancelled':
      return [`To take it up again, add the label \`${labels.trigger}\`.`]
  }
}

function waiting(item: WorkItem): string {
  if (!item.waiting) return ''
  const until = item.waiting.until ? ` It goes on at ${item.waiting.until.slice(0, 16).replace('T', ' ')} UTC.` : ''
  return `It waits: ${neutralLine(item.waiting.message, 500)}.${until}`.replace(/\.\.(?= |$)/, '.')
}

function progress(run: Run | null): string {
  const now = run?.progress
  if (!run || !now) return ''
  const iteration = now.iteration > 0 ? `iteration ${now.iteration}${now.maxIterations > 0 ? ` of at most ${now.maxIterations}` : ''}` : ''
  const where = [iteration, run.attempt > 1 ? `attempt ${run.attempt}` : ''].filter(Boolean).join(', ')
  return [where ? `${where[0]?.toUpperCase()}${where.slice(1)}.` : '', now.task ? `Task: ${code(now.task)}` : ''].filter(Boolean).join(' ')
}

/** The run's own count is newer than the boxes that it brought back so far. */
function tasks(item: WorkItem): string {
  if (item.spec === null) return ''
  const boxes = parseSpec(item.spec).tasks
  if (boxes.length === 0) return ''
  const live = item.run?.progress
  const done = live && live.tasksTotal > 0 ? live.tasksDone : boxes.filter((task) => task.done).length
  const total = live && live.tasksTotal > 0 ? live.tasksTotal : boxes.length
  const list = boxes.slice(0, 50).map((task) => `- ${task.done ? '☑' : '☐'} ${neutralLine(task.text)}`)
  if (boxes.length > list.length) list.push(`- … and ${boxes.length - list.length} more`)
  return `<details><summary>${done} of ${total} tasks done</summary>\n\n${list.join('\n')}\n\n</details>`
}

/** The checks at base and at head, side by side. */
function evidence(report: VerifyReport | null): string {
  if (!report) return ''
  const commands = [...new Set([...report.base, ...report.head].map((check) => check.command))]
  const result = (checks: VerifyReport['base'], command: string) => {
    const check = checks.find((candidate) => candidate.command === command)
    if (!check) return 'not run'
    const tests = check.tests ? ` (${check.tests.passed} passed, ${check.tests.failed} failed)` : ''
    return `${check.timedOut ? 'timed out' : check.exitCode === 0 ? 'passed' : `failed with ${check.exitCode ?? 'a signal'}`}${tests}`
  }
  const rows = commands.slice(0, 30).map((command) => `| ${code(command, 100)} | ${result(report.base, command)} | ${result(report.head, command)} |`)
  const table = rows.length > 0 ? `| check | before (${code(report.baseSha.slice(0, 7))}) | after (${code(report.headSha.slice(0, 7))}) |\n|---|---|---|\n${rows.join('\n')}` : ''
  const { files, insertions, deletions } = report.diff
  const findings = report.findings.slice(0, 20).map((finding) => `- ${finding.blocking ? '**blocks**' : finding.asked ? '**asked for, please confirm**' : 'note'}: ${neutralLine(finding.message, 300)}`)
  const verdict = `${report.passed ? 'Verified' : 'Not verified'} in a clean checkout: ${neutralLine(report.reason, 500)}`
  const outputs = report.head.filter((check) => check.exitCode !== 0 && check.outputTail.trim()).slice(0, 3)
  const tails = outputs.map((check) => `<details><summary>How ${neutralLine(check.command, 100)} ended</summary>\n\n${block(check.outputTail)}\n\n</details>`)
  return [verdict, table, `${plural(files, 'file')} changed, ${plural(insertions, 'line')} added, ${deletions} removed.`, findings.join('\n'), ...tails].filter(Boolean).join('\n\n')
}

function plural(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`
}

function failure(item: WorkItem): string {
  if (!item.failure) return ''
  const { code: reason, message } = item.failure
  const long = message.length > 300 || message.includes('\n')
  return long ? `Why: ${code(reason)}\n\n${block(message)}` : `Why: ${neutralLine(message, 300)} (${code(reason)})`
}

function footer(item: WorkItem, { labels, dashboardUrl }: ReportOptions): string[] {
  const { iterations, costUsd } = item.usage
  const facts = [
    `priority ${item.priority}`,
    item.attempts > 1 ? `attempt ${item.attempts} of ${item.maxAttempts}` : '',
    iterations > 0 ? plural(iterations, 'iteration') : '',
    costUsd > 0 ? `$${costUsd.toFixed(2)}` : '',
    dashboardUrl ? `[details](${dashboardUrl.replace(/\/$/, '')}/items/${item.id})` : '',
    LABEL_FOR[item.status] === 'working' ? `to stop it, close the issue or take off \`${labels.working}\`` : '',
  ].filter(Boolean)
  return [`<sub>Work item ${item.id} · ${facts.join(' · ')}</sub>`]
}
