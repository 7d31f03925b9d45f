import { checkSpec, parseSpec, RALPH_EXIT, type SpecTask } from '@factory/shared'
import { lstat, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Git } from '../git.ts'
import { Ended } from '../outcome.ts'
import { filesIn, type Place } from '../place.ts'
import { reconcile } from '../progress/boxes.ts'
import type { Bounds } from '../progress/decide.ts'
import { loadState, type RunState } from '../progress/state.ts'
import { BUDGET } from '../prompt/budget.ts'
import { readGuidance } from '../prompt/guidance.ts'
import { buildPrompt, diagnosisPrompt, type Prompt } from '../prompt/prompt.ts'
import type { RunOptions } from '../session.ts'

/** What `ralph run` would do next. Shas are full; money is in US dollars. */
export type Plan = {
  /** null: a new run gets a name of its own. */
  run: string | null
  resumed: boolean
  dir: string
  branch: string | null
  head: string
  /** What the work is compared with; null: the commit that is made of `commits` first. */
  base: string | null
  /** Paths that lie in the tree and are put into a commit of their own before anything else. */
  commits: string[]
  spec: string
  /** The spec was edited beyond its boxes since the run began; that is undone. */
  restoresSpec: boolean
  tasks: SpecTask[]
  /** null: every box is ticked, and the checks come first. */
  next: { task: SpecTask; iteration: number; attempt: number; kind: 'work' | 'diagnosis' } | null
  setup: string[]
  verify: string[]
  bounds: Bounds & { iterationMinutes: number; verifyMinutes: number; usedIterations: number; spentUsd: number; usedMinutes: number }
  model: string | null
  prompt: (Prompt & { budget: number }) | null
}

/**
 * Looks at what a run would begin with and writes nothing. The checks are those of the run itself, in
 * its order, with its words (plan.test.ts holds them against each other).
 * @throws Ended as the run would end
 */
export async function planRun(options: RunOptions, run: string | null, place: Place): Promise<Plan> {
  const { git } = place
  const left = await loadState(filesIn(place.ai).state)
  const old = left !== null && left.run === run && left.mode === 'run' ? left : null
  const head = await git.head()
  if (!head) throw new Ended(RALPH_EXIT.baseUnverifiable, 'the repository has no commit to start from')
  const found = await readFile(place.spec, 'utf8').catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
  const markdown = old?.spec ?? usable(found, options.spec)
  const spec = parseSpec(markdown)
  const verify = old?.verify ?? (options.verify.length > 0 ? [...options.verify] : spec.verify)
  if (verify.length === 0 && !options.allowUnchecked) {
    throw new Ended(RALPH_EXIT.badSpec, 'there is no verify command: name one with --verify, add a "## Verify" section to the spec, or allow a run on the diff alone with --no-verify-ok')
  }
  const commits = await changedPaths(place)
  const named = old?.baseSha ?? (options.base === null ? null : await git.commit(options.base))
  if (options.base !== null && named === null) throw new Ended(RALPH_EXIT.baseUnverifiable, `--base ${options.base} is no commit of this repository`)
  const base = named ?? (commits.length === 0 ? head : null)
  const open = spec.tasks.find((task) => !task.done)
  const iteration = (old?.iterations.length ?? 0) + 1
  const next = open ? { task: open, iteration, ...nextAttempt(old, open.id) } : null
  return {
    run,
    resumed: old !== null,
    dir: place.dir,
    branch: await git.branch(),
    head,
    base,
    commits,
    spec: place.specName,
    restoresSpec: old !== null && reconcile(old.spec, typeof found === 'string' ? found : null).tampered,
    tasks: spec.tasks,
    next,
    setup: [...options.setup],
    verify,
    bounds: { ...options.bounds, iterationMinutes: options.iterationMs / 60_000, verifyMinutes: options.verifyMs / 60_000, usedIterations: iteration - 1, spentUsd: old?.usage.costUsd ?? 0, usedMinutes: (old?.elapsedMs ?? 0) / 60_000 },
    model: options.model,
    prompt: next && { ...promptOf({ spec, task: next.task, specFile: place.specName, verify, evidence: old?.evidence ?? [], learnings: options.learnings, previous: options.previous, guidance: await readGuidance(base === null ? withFiles(place, commits) : git, base ?? head) }, next), budget: BUDGET.build },
  }
}

function promptOf(given: Parameters<typeof buildPrompt>[0], next: { attempt: number; kind: 'work' | 'diagnosis' }): Prompt {
  return next.kind === 'diagnosis' ? diagnosisPrompt({ ...given, attempts: next.attempt - 1 }) : buildPrompt(given)
}

function usable(text: string | Error, name: string): string {
  if (text instanceof Error) throw new Ended(RALPH_EXIT.badSpec, `the spec ${name} cannot be read: ${text.message}`)
  const problems = checkSpec(parseSpec(text))
  if (problems.length > 0) throw new Ended(RALPH_EXIT.badSpec, problems.map((problem) => problem.message).join('; '))
  return text
}

/** Attempts at a task are counted from its last progress; the third is a diagnosis. */
export function nextAttempt(state: Pick<RunState, 'iterations' | 'stuckSince' | 'outcome'> | null, task: string): { attempt: number; kind: 'work' | 'diagnosis' } {
  // Whoever runs a stuck run again has looked at it.
  const since = state?.outcome?.exitCode === RALPH_EXIT.stuck ? state.iterations.length : (state?.stuckSince ?? 0)
  const facts = (state?.iterations ?? []).slice(since).filter((fact) => fact.task === task)
  const attempt = facts.length - (facts.findLastIndex((fact) => fact.progress) + 1) + 1
  return { attempt, kind: attempt === 3 ? 'diagnosis' : 'work' }
}

/** Paths that differ from HEAD, Ralph's own files left out. The index is not touched, not even refreshed. */
async function changedPaths(place: Place): Promise<string[]> {
  const ours = [place.spec, place.ai].map((path) => relative(place.root, path)).filter((path) => !path.startsWith('..'))
  const told = await place.git.must(['--no-optional-locks', 'status', '--porcelain', '-z', '--no-renames', '--untracked-files=all', '--', '.', ...ours.map((path) => `:(top,exclude,literal)${path}`)])
  return told.split('\0').filter(Boolean).map((entry) => entry.slice(3))
}

/** Git that shows changed files as they will be in the commit that is made of them first. */
function withFiles(place: Place, changed: readonly string[]): Git {
  return {
    ...place.git,
    async may(args) {
      const path = args[0] === 'show' ? (args[1] ?? '').slice((args[1] ?? '').indexOf(':') + 1) : ''
      if (!changed.includes(path)) return place.git.may(args)
      const file = join(place.root, path)
      return (await lstat(file).catch(() => null))?.isFile() ? (await readFile(file, 'utf8')).trim() : null
    },
  }
}
