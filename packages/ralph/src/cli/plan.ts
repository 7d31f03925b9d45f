import type { SpecTask } from '@factory/shared/ralph'
import { lstat, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fresh, goOn, readSpec } from '../loop/begin.ts'
import { readOwn } from '../files.ts'
import { refuseUnfinished } from '../git/unfinished.ts'
import type { Git } from '../git/git.ts'
import { promptFor } from '../loop/iterate.ts'
import { filesIn, type Place } from '../place.ts'
import { decide, type Bounds, type Decision } from '../progress/decide.ts'
import { loadState, startOf } from '../progress/state.ts'
import { BUDGET } from '../prompt/budget.ts'
import { readGuidance } from '../prompt/guidance.ts'
import type { Prompt } from '../prompt/prompt.ts'
import { specOf, type RunOptions } from '../loop/session.ts'
import { lineFor, specOfLeft } from '../loop/take-up.ts'

/** What `ralph run` would do next. Shas are full; money is in US dollars. */
export type Plan = {
  /** null: a new run gets a name of its own. */
  run: string | null
  resumed: boolean
  dir: string
  branch: string | null
  /** null on a branch without a commit. */
  head: string | null
  /** Where the branch is put before anything else: a killed agent had moved it. null: it stays. */
  restoresHead: string | null
  /** What the work is compared with; null: the commit that is made of `commits` first. */
  base: string | null
  /** The checks run at base first. */
  measuresBase: boolean
  /** Paths that lie in the tree and are put into a commit of their own before anything else. */
  commits: string[]
  spec: string
  /** The file differs from what the run goes on with, and is written anew. */
  restoresSpec: boolean
  tasks: SpecTask[]
  /** null: every box is ticked and the checks come first, or the run would stop. */
  next: { task: SpecTask; iteration: number; attempt: number; kind: 'work' | 'diagnosis' } | null
  /** Why the run would end before another iteration. */
  stops: string | null
  setup: string[]
  verify: string[]
  /** Those of them that must succeed whatever they do at base. */
  required: string[]
  bounds: Bounds & { iterationMinutes: number; verifyMinutes: number; usedIterations: number; spentUsd: number; usedMinutes: number }
  model: string | null
  prompt: (Prompt & { budget: number }) | null
}

/**
 * Looks at what a run would begin with and writes nothing: the same functions in the same order as
 * `begin`, without what they are followed by there.
 * @throws Ended as the run would end
 */
export async function planRun(options: RunOptions, run: string | null, place: Place, now: () => number): Promise<Plan> {
  const { git } = place
  const left = await loadState(filesIn(place.ai).state)
  const old = left !== null && left.run === run ? left : null
  const head = await git.head()
  if (head && !old?.current) await refuseUnfinished(git)
  const line = await lineFor(git, old)
  const spec = old ? await specOfLeft(old, place.spec, filesIn(place.ai).events) : await readSpec(place, options.spec)
  const commits = await changedPaths(place)
  const found = { branch: line.branch, head: line.parent, tree: '' }
  const state = old ? goOn(old, options, spec, found) : await fresh(options, run ?? 'new', place, { now }, spec, found)
  const onCommit = old === null && options.base === null && commits.length > 0
  const session = { state, options, place, guidance: await readGuidance(onCommit ? withFiles(place, commits) : git, state.baseSha) }
  const open = specOf(session).tasks.find((task) => !task.done)
  const step = open ? decide({ iterations: state.iterations, start: startOf(state), since: state.stuckSince, task: open, costUsd: state.usage.costUsd, minutes: state.elapsedMs / 60_000 }, options.bounds) : null
  const next = open && step?.do === 'work' ? { task: open, iteration: state.iterations.length + 1, attempt: state.iterations.filter((fact) => fact.task === open.id).length + 1, kind: step.kind } : null
  return {
    run,
    resumed: old !== null,
    dir: place.dir,
    branch: line.branch,
    head,
    restoresHead: line.parent === head ? null : line.parent,
    base: onCommit ? null : state.baseSha,
    measuresBase: state.baseline === null && state.verify.length > 0,
    commits,
    spec: place.specName,
    restoresSpec: (await readOwn(place.spec)) !== state.spec,
    tasks: specOf(session).tasks,
    next,
    stops: step === null ? null : stopOf(step),
    setup: state.setup,
    verify: state.verify,
    required: state.required,
    bounds: { ...options.bounds, iterationMinutes: options.iterationMs / 60_000, verifyMinutes: options.verifyMs / 60_000, usedIterations: state.iterations.length, spentUsd: state.usage.costUsd, usedMinutes: state.elapsedMs / 60_000 },
    model: options.model,
    prompt: next && { ...promptFor(session, next), budget: BUDGET.build },
  }
}

function stopOf(step: Decision): string | null {
  if (step.do === 'limit') return step.message
  return step.do === 'stuck' ? `stuck: ${step.facts.join('; ')}` : null
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
      // The last word of `show` and `cat-file` names a path in a commit.
      const path = /^[0-9a-f]+:(.+)$/s.exec(args.at(-1) ?? '')?.[1] ?? ''
      if (!changed.includes(path)) return place.git.may(args)
      const file = join(place.root, path)
      const stat = await lstat(file).catch(() => null)
      if (!stat?.isFile()) return null
      return args.includes('-s') ? String(stat.size) : (await readFile(file, 'utf8')).trim()
    },
  }
}
