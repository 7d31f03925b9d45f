import { adviseSpec, checkSpec, NO_USAGE, parseSpec, RALPH_EXIT, type Usage } from '@factory/shared/ralph'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { execute } from './loop/execute.ts'
import { oddity, readOwn, writeOwn } from './files.ts'
import { withIndexApart } from './git/apart.ts'
import { snapshot } from './git/git.ts'
import { addUsage, Ended, type Outcome } from './outcome.ts'
import { restore } from './git/restore.ts'
import { filesIn, hideFiles, type Place } from './place.ts'
import { LEAST_COST_USD } from './progress/decide.ts'
import { readGuidance } from './prompt/guidance.ts'
import { draftPrompt, RULES } from './prompt/prompt.ts'
import type { World } from './world.ts'

export type DraftOptions = {
  request: string
  model: string | null
  maxIterations: number
  maxCostUsd: number
  maxMinutes: number
  iterationMs: number
  previous: string | null
}

const TOOLS = ['Read', 'Glob', 'Grep', 'Write', 'Edit'] as const

/**
 * Has the agent write a spec with the repository before it. What it changed besides is undone; a
 * question instead of a spec ends the run as stuck.
 * @throws Ended
 */
export async function runDraft(options: DraftOptions, place: Place, world: World): Promise<Outcome> {
  if (options.request.trim() === '') throw new Ended(RALPH_EXIT.badSpec, 'the request is empty')
  const head = await place.git.head()
  if (!head) throw new Ended(RALPH_EXIT.baseUnverifiable, 'the repository has no commit to look at')
  const odd = await oddity(place.spec, 'file')
  if (odd !== null) throw new Ended(RALPH_EXIT.usage, `${place.specName} is ${odd} and not a file; name another one with --out`)
  await hideFiles(place)
  const old = await readOwn(place.spec)
  return withIndexApart(place.git, (git) => write(options, { ...place, git }, world, head)).finally(() => putBack(place, old))
}

/** A spec that was there comes back when no new one was written, and else stays beside it. */
async function putBack(place: Place, old: string | null): Promise<void> {
  if (old === null) return
  const now = await readOwn(place.spec)
  if (now === null) await writeOwn(place.spec, old)
  else if (now !== old) await writeOwn(join(place.ai, 'replaced-spec.md'), old)
}

async function write(options: DraftOptions, place: Place, world: World, head: string): Promise<Outcome> {
  const files = filesIn(place.ai)
  await mkdir(place.ai, { recursive: true })
  await Promise.all([rm(place.spec, { force: true }), rm(files.question, { force: true })])
  const [before, guidance] = [(await snapshot(place.git, head)).tree, await readGuidance(place.git, head)]
  const began = world.now()
  const tries = Math.min(options.maxIterations, 3)
  world.emit({ event: 'run.started', mode: 'draft', baseSha: head, tasks: [], verify: [], model: options.model, maxIterations: tries, resumed: false })

  let usage: Usage = NO_USAGE
  let problems: string[] = []
  const end = (ending: Pick<Outcome, 'exitCode' | 'reason'> & { until?: string | null }): Outcome => ({ until: null, headSha: head, report: null, usage, ...ending })
  for (let iteration = 1; iteration <= tries; iteration += 1) {
    const left = options.maxMinutes * 60_000 - (world.now() - began)
    if (options.maxCostUsd - usage.costUsd < LEAST_COST_USD || left <= 0) break
    const started = world.now()
    const prompt = draftPrompt({ request: options.request, specFile: place.specName, problems, previous: options.previous, guidance })
    world.emit({ event: 'iteration.started', iteration, task: null, kind: 'draft', promptTokens: prompt.tokens })
    const done = await execute(world, { iteration, dir: place.dir, prompt: prompt.text, rules: RULES, model: options.model, costLeftUsd: options.maxCostUsd - usage.costUsd, deadline: world.now() + left, limitMs: Math.min(options.iterationMs, left), tools: TOOLS, beforeEdit: null })
    const used = { ...done.usage, iterations: done.end ? 0 : 1 }
    usage = addUsage(usage, used)
    await restore(place.git, before, head)
    if (done.end) return end(done.end)
    world.emit({ event: 'iteration.finished', iteration, durationMs: world.now() - started, isError: done.result.verdict.kind !== 'worked', endedBy: done.result.endedBy, commit: null, tree: null, usage: used, text: done.result.text?.slice(0, 4000) ?? null })

    const text = (await readOwn(place.spec)) ?? ''
    const question = ((await readOwn(files.question)) ?? '').trim().slice(0, 10_000)
    if (question && text.trim() === '') {
      world.emit({ event: 'stuck.detected', rule: 'question', facts: [question] })
      return end({ exitCode: RALPH_EXIT.stuck, reason: question })
    }
    problems = text.trim() === '' ? [`${place.specName} was not written${done.result.verdict.kind === 'failed' ? `: ${done.result.verdict.reason}` : ''}`] : checkSpec(parseSpec(text)).map((problem) => problem.message)
    if (problems.length === 0) {
      const advice = adviseSpec(parseSpec(text)).slice(0, 5).map((warning) => warning.message)
      return end({ exitCode: RALPH_EXIT.verified, reason: `the spec is written: ${parseSpec(text).tasks.length} tasks${advice.length > 0 ? `; ${advice.join('; ')}` : ''}` })
    }
    await keepRefused(place, text)
  }
  if (problems.length === 0) return end({ exitCode: RALPH_EXIT.limit, reason: 'time or money ran out before a spec was written' })
  return end({ exitCode: RALPH_EXIT.badSpec, reason: `no usable spec after ${usage.iterations} tries: ${problems.join('; ')}` })
}

/** The next try begins without the refused text, which stays for people to look at. */
async function keepRefused(place: Place, text: string): Promise<void> {
  await rm(place.spec, { force: true })
  if (text.trim() !== '') await writeOwn(join(place.ai, 'refused-spec.md'), text)
}
