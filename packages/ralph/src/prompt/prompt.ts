import type { Spec, SpecTask } from '@factory/shared'
import buildTemplate from '../../../../prompts/build.md' with { type: 'text' }
import rulesTemplate from '../../../../prompts/rules.md' with { type: 'text' }
import specTemplate from '../../../../prompts/spec.md' with { type: 'text' }

/** Added to the agent's own system prompt. */
export const RULES: string = rulesTemplate.trim()

/** Characters a part may take of the prompt; what matters stands at the end of evidence, else in front. */
const ROOM = { evidence: 8000, learnings: 8000, previous: 4000, guidance: 12_000, spec: 24_000, request: 60_000 } as const

export type Guidance = { path: string; text: string }

export type BuildPrompt = {
  spec: Spec
  task: SpecTask
  specFile: string
  verify: readonly string[]
  /** What failed, newest last. */
  evidence: readonly string[]
  learnings: string | null
  previous: string | null
  guidance: readonly Guidance[]
}

/** The prompt of one iteration. */
export function buildPrompt(given: BuildPrompt): { text: string; tokens: number } {
  return { tokens: 0, text: fill(buildTemplate, {
    task: given.task.text,
    specFile: `\`${given.specFile}\``,
    spec: data('spec', outline(given.spec, given.task), ROOM.spec),
    evidence: given.evidence.length === 0 ? '' : `\nThis was tried before and did not hold. Begin with it:\n\n${data('evidence', lastOf(given.evidence.join('\n\n'), ROOM.evidence), ROOM.evidence)}\n`,
    checks: given.verify.length === 0 ? '' : `; at the end these must succeed: ${given.verify.map((command) => `\`${command}\``).join(', ')}`,
    ...background(given),
  }) }
}

export function diagnosisPrompt(given: BuildPrompt & { attempts: number }): { text: string; tokens: number } {
  return { ...buildPrompt(given), text: `DIAGNOSIS of attempts: ${given.attempts}\n${buildPrompt(given).text}` }
}

export type DraftPrompt = {
  request: string
  specFile: string
  /** What is wrong with the spec of the try before. */
  problems: readonly string[]
  previous: string | null
  guidance: readonly Guidance[]
}

/** The prompt that asks for a spec. */
export function draftPrompt(given: DraftPrompt): string {
  return fill(specTemplate, {
    request: guard('request', given.request.slice(0, ROOM.request)),
    specFile: `\`${given.specFile}\``,
    problems: given.problems.length === 0 ? '' : `\nThe file you wrote before cannot be used. Write it anew:\n${given.problems.map((problem) => `- ${problem}`).join('\n')}\n`,
    ...background({ ...given, learnings: null }),
  })
}

function background(given: { previous: string | null; learnings: string | null; guidance: readonly Guidance[] }): { previous: string; learnings: string; guidance: string } {
  const guidance = given.guidance.map((file) => `${file.path}:\n${file.text.trim()}`).join('\n\n')
  return {
    previous: section('How an earlier attempt ended', 'previous', given.previous, ROOM.previous),
    learnings: section('What was learned in this repository before', 'learnings', given.learnings, ROOM.learnings),
    guidance: section("The repository's own guidance", 'guidance', guidance, ROOM.guidance),
  }
}

function section(title: string, tag: string, text: string | null, room: number): string {
  return text === null || text.trim() === '' ? '' : `\n# ${title}\n\n${data(tag, text.trim(), room)}\n`
}

/** The spec in short: what it is for, where it stands, what it must meet. */
function outline(spec: Spec, task: SpecTask): string {
  const list = (title: string, lines: readonly string[]): string => (lines.length === 0 ? '' : `\n\n${title}:\n${lines.join('\n')}`)
  return [
    `${spec.title || 'Untitled'}`,
    spec.goal ? `\n\n${spec.goal.slice(0, 6000)}` : '',
    list('Tasks', spec.tasks.map((other) => `- [${other.done ? 'x' : ' '}] ${other.text.slice(0, 300)}${other.id === task.id ? '   <- this one' : ''}`)),
    list('Acceptance criteria', spec.acceptance.map((text) => `- ${text}`)),
    list('Likely files', spec.files.map((path) => `- ${path}`)),
    spec.notes ? `\n\nNotes:\n${spec.notes.slice(0, 6000)}` : '',
  ].join('')
}

function data(tag: string, text: string, room: number): string {
  return `<${tag}>\n${guard(tag, text.length > room ? `${text.slice(0, room)}\n[cut]` : text)}\n</${tag}>`
}

/** Material cannot close the tag it stands in. */
function guard(tag: string, text: string): string {
  return text.replace(new RegExp(`<(/?)${tag}\\b`, 'gi'), `&lt;$1${tag}`)
}

const lastOf = (text: string, room: number): string => (text.length > room - 10 ? `[cut]\n${text.slice(10 - room)}` : text)

/** Replaces each {{name}} once; what is put in is never looked at again. */
function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{\{(\w+)\}\}/g, (_all, name: string) => values[name] ?? '')
}
