import type { VerifyReport } from '@factory/shared/ralph'
import { writeOwn } from '../files.ts'
import { filesIn } from '../place.ts'
import type { RunState } from '../progress/state.ts'
import { readFacts } from '../progress/facts.ts'
import { startOf } from '../progress/state.ts'
import { elapsedMs, specOf, type Session } from './session.ts'
import { passes } from '../verify/signature.ts'
import { ending } from '../verify/judge.ts'

type Why = { rule: string; facts: readonly string[] }

/** `.ai/stuck.md`: what was measured first, what the agent said last, and what a person can do. */
export async function writeStuck(session: Session, why: Why): Promise<void> {
  const { place } = session
  await writeOwn(filesIn(place.ai).stuck, sayStuck({ state: session.state, tasks: specOf(session).tasks, minutes: elapsedMs(session) / 60_000, report: session.reports.get(session.state.head) ?? null, specName: place.specName }, why))
}

export type Stuck = {
  state: RunState
  tasks: readonly { id: string; text: string; done: boolean }[]
  minutes: number
  /** What the checks last said of the commit the run stands at. */
  report: VerifyReport | null
  specName: string
}

/** The text of `.ai/stuck.md`. Pure. */
export function sayStuck(stuck: Stuck, why: Why): string {
  const { state, tasks } = stuck
  const open = tasks.find((task) => !task.done)
  return [
    `# Stuck: ${why.facts.join('; ')}`,
    '',
    ...(open ? [`- Task: ${open.text}`] : []),
    `- Rule: ${why.rule}`,
    `- Iterations: ${state.iterations.length}, $${state.usage.costUsd.toFixed(4)}, ${Math.round(stuck.minutes)} minutes`,
    `- Base ${state.baseSha}, head ${state.head}${state.branch === null ? '' : ` on ${state.branch.replace('refs/heads/', '')}`}`,
    `- Checks: ${state.verify.map((command) => `\`${command}\``).join(', ') || 'none'}`,
    ...(stuck.report ? [`- Last verification: ${stuck.report.reason}`] : []),
    '',
    '## Tasks',
    '',
    ...tasks.map((task) => `- [${task.done ? 'x' : ' '}] ${task.text} (${state.iterations.filter((fact) => fact.task === task.id).length} attempts)`),
    '',
    '## What was tried',
    '',
    ...tried(state),
    ...failing(stuck.report),
    ...quoted('## What the next attempt would have been told', state.evidence.join('\n\n').slice(-12_000)),
    ...quoted('## What the diagnosis said', state.diagnosis ?? ''),
    ...quoted('## What the agent wrote when it gave up', state.agentNotes ?? ''),
    '',
    '## What you can do',
    '',
    `- Look at what is there: \`git log -p ${state.baseSha.slice(0, 12)}..${state.head.slice(0, 12)}\``,
    '- Mend what is in the way (a missing tool, a wrong check, a broken base) and commit it, then run `ralph run` again: the same run goes on with new attempts.',
    `- Say the task more plainly or split it in \`${stuck.specName}\` and run \`ralph run\` again: an edited checklist is a new run. Give it \`--base ${state.baseSha.slice(0, 12)}\`, so that the work so far is measured against what was there before it.`,
    '',
  ].join('\n')
}

/** One line for each iteration: what it worked on, what it left, what was said of it; and where the tree went round. */
function tried(state: RunState): string[] {
  const readings = readFacts(state.iterations, startOf(state))
  return readings.map((fact) => {
    const before = readings.findLast((other) => other.kind === 'work' && other.iteration < fact.iteration && other.tree === fact.tree)
    const left = fact.kind === 'diagnosis' ? 'diagnosis, changes nothing' : fact.returned ? `went back to the files of ${before ? `iteration ${before.iteration}` : 'the start'}` : fact.commit === null ? 'changed nothing' : `commit ${fact.commit.slice(0, 10)}`
    return `${fact.iteration}. ${left}${fact.ticked.length > 0 ? ', ticked' : ''}${fact.progress ? ', progress' : ''}${fact.note ? `: ${oneLine(fact.note)}` : ''}`
  })
}

function failing(report: VerifyReport | null): string[] {
  if (!report || report.passed) return []
  const findings = report.findings.filter((finding) => finding.blocking).map((finding) => `- ${finding.message}`)
  const outputs = report.head.filter((check) => !passes(check)).flatMap((check) => ['', `\`${check.command}\` ${ending(check)}:`, '', fence(check.outputTail.trim().slice(-4000))])
  return ['', '## What fails', '', ...findings, ...outputs]
}

function quoted(title: string, text: string): string[] {
  return text.trim() === '' ? [] : ['', title, '', ...text.trim().split('\n').map((line) => `> ${line}`)]
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 300)

/** A fence longer than any in the text, so that output cannot end it. */
function fence(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((match) => match[0].length))
  const marks = '`'.repeat(longest + 1)
  return `${marks}\n${text}\n${marks}`
}
