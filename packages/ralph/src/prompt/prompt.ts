import type { Spec, SpecTask } from '@factory/shared/ralph'
import buildTemplate from '../../../../prompts/build.md' with { type: 'text' }
import diagnoseTemplate from '../../../../prompts/diagnose.md' with { type: 'text' }
import rulesTemplate from '../../../../prompts/rules.md' with { type: 'text' }
import specTemplate from '../../../../prompts/spec.md' with { type: 'text' }
import { BUDGET, PARTS } from './budget.ts'
import { outline } from './outline.ts'
import { fitParts, framed, guard, listing, material, type Part } from './part.ts'
import { estimateTokens } from './tokens.ts'

/** Added to the agent's own system prompt. */
export const RULES: string = rulesTemplate.trim()

/** A prompt, and its size by {@link estimateTokens}; {@link RULES} are not counted in. */
export type Prompt = { text: string; tokens: number }

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

/** The prompt of one iteration at a task. At most {@link BUDGET}.build tokens. */
export function buildPrompt(given: BuildPrompt): Prompt {
  return aboutTask(buildTemplate, given, { tried: 'This was tried before and did not hold. Begin with it:', checks: '; at the end these must succeed: ' })
}

/**
 * The prompt of an iteration that is to find out why a task does not get done, and to change nothing.
 * `attempts`: how many attempts at it ended without it.
 */
export function diagnosisPrompt(given: BuildPrompt & { attempts: number }): Prompt {
  return aboutTask(diagnoseTemplate, given, { tried: 'What failed last:', checks: '. The checks are: ' }, { attempts: String(given.attempts) })
}

function aboutTask(template: string, given: BuildPrompt, words: { tried: string; checks: string }, more: Readonly<Record<string, string>> = {}): Prompt {
  const fixed = { task: guard(given.task.text), specFile: `\`${given.specFile}\``, ...more }
  return fit(template, fixed, BUDGET.build, ['learnings', 'previous', 'guidance', 'spec', 'evidence', 'checks'], {
    ...background(given),
    spec: framed('', 'spec', (tokens) => outline(given.spec, given.task, tokens)),
    evidence: material({ before: `\n${words.tried}\n\n`, tag: 'evidence', text: given.evidence.join('\n\n'), keep: 'end' }),
    checks: listing({ before: words.checks, items: given.verify, item: (command) => `\`${command.replace(/\s*[\r\n]+\s*/g, ' ')}\``, between: ', ' }),
  })
}

export type DraftPrompt = {
  request: string
  specFile: string
  /** What is wrong with the spec of the try before. */
  problems: readonly string[]
  previous: string | null
  guidance: readonly Guidance[]
}

/** The prompt that asks for a spec. At most {@link BUDGET}.draft tokens. */
export function draftPrompt(given: DraftPrompt): Prompt {
  return fit(specTemplate, { specFile: `\`${given.specFile}\`` }, BUDGET.draft, ['previous', 'guidance', 'problems', 'request'], {
    ...background({ ...given, learnings: null }),
    request: material({ before: '', tag: 'request', text: given.request, keep: 'start' }),
    problems: listing({ before: '\nThe file you wrote before cannot be used. Write it anew:\n', items: given.problems, item: (text) => `- ${text}`, between: '\n', after: '\n' }),
  })
}

function background(given: { previous: string | null; learnings: string | null; guidance: readonly Guidance[] }) {
  const guidance = given.guidance.map((file) => `${file.path}:\n${file.text.trim()}`).join('\n\n')
  const section = (title: string, tag: string, text: string | null): Part => material({ before: `\n# ${title}\n\n`, tag, text, keep: 'start' })
  return {
    previous: section('How an earlier attempt ended', 'previous', given.previous),
    learnings: section('What was learned in this repository before', 'learnings', given.learnings),
    guidance: section("The repository's own guidance", 'guidance', guidance),
  }
}

/** Fills a template: what is fixed first, the parts in what is left of the budget. */
function fit<Name extends keyof typeof PARTS>(template: string, fixed: Readonly<Record<string, string>>, budget: number, order: readonly Name[], parts: Readonly<Record<Name, Part>>): Prompt {
  const bare = fill(template, fixed)
  const part = fitParts(budget - estimateTokens(bare), parts, PARTS, order)
  const made: Record<string, string> = { ...fixed }
  // The template ends the line of what stands in a tag.
  for (const name of order) made[name] = name === 'spec' || name === 'request' ? part(name).trimEnd() : part(name)
  const text = fill(template, made)
  return { text, tokens: estimateTokens(text) }
}

/** Replaces each {{name}} once; what is put in is never looked at again. */
function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{\{(\w+)\}\}/g, (_all, name: string) => values[name] ?? '')
}
