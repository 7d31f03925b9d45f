import { mkdir, writeFile } from 'node:fs/promises'
import { filesIn } from './place.ts'
import { elapsedMs, specOf, type Session } from './session.ts'

/** `.ai/stuck.md`: facts a person can act on first, what the agent said last. */
export async function writeStuck(session: Session, why: { rule: string; facts: readonly string[] }): Promise<void> {
  const { state, place } = session
  const tasks = specOf(session).tasks
  const quote = (text: string): string => text.split('\n').map((line) => `> ${line}`).join('\n')
  const report = session.reports.get(state.head)
  const text = [
    `# Stuck: ${why.facts.join('; ')}`,
    '',
    `- Rule: ${why.rule}`,
    `- Iterations: ${state.iterations.length}, $${state.usage.costUsd.toFixed(4)}, ${Math.round(elapsedMs(session) / 60_000)} minutes`,
    `- Base ${state.baseSha}, head ${state.head}`,
    `- Checks: ${state.verify.map((command) => `\`${command}\``).join(', ') || 'none'}`,
    ...(report ? [`- Last verification: ${report.reason}`] : []),
    '',
    '## Tasks',
    '',
    ...tasks.map((task) => `- [${task.done ? 'x' : ' '}] ${task.text} (${state.iterations.filter((fact) => fact.task === task.id).length} attempts)`),
    ...(state.evidence.length === 0 ? [] : ['', '## What failed last', '', quote(state.evidence.join('\n\n').slice(-20_000))]),
    '',
  ].join('\n')
  await mkdir(place.ai, { recursive: true })
  await writeFile(filesIn(place.ai).stuck, text)
}
