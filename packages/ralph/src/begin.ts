import { checkSpec, NO_USAGE, parseSpec, RALPH_EXIT } from '@factory/shared'
import { readFile, rm } from 'node:fs/promises'
import { commitWork } from './git.ts'
import { Ended } from './outcome.ts'
import { filesIn, hideFiles, type Place } from './place.ts'
import { loadRun, type Left } from './progress/recover.ts'
import type { RunState } from './progress/state.ts'
import { readGuidance } from './prompt/guidance.ts'
import { save, setSpec, specOf, type RunOptions, type Session } from './session.ts'
import { measure } from './verify/room.ts'
import { unusableBase } from './verify/verify.ts'
import type { World } from './world.ts'

/**
 * Takes a run up, new or where it was left: finds the spec and freezes its boxes, saves what lies in
 * the tree, measures base.
 * @throws Ended
 */
export async function begin(options: RunOptions, run: string, place: Place, world: World): Promise<Session> {
  await hideFiles(place)
  const left = await loadRun(filesIn(place.ai))
  const old = left?.state.run === run && left.state.mode === 'run' ? left.state : null
  const line = await lineOf(place, old && left ? { ...left, state: old } : null)
  if (!line) throw new Ended(RALPH_EXIT.baseUnverifiable, 'the repository has no commit to start from')
  const spec = old?.spec ?? (await readSpec(place, options.spec))
  const found = await commitWork(place.git, line, 'Save the work found in the tree')
  const state = old ? { ...old, head: found.head, branch: line.branch, trees: [...new Set([...old.trees, found.tree])], setup: [...options.setup], stuckSince: old.outcome?.exitCode === RALPH_EXIT.stuck ? old.iterations.length : old.stuckSince, outcome: null } : await fresh(options, run, place, world, spec, { ...found, branch: line.branch })
  const session: Session = { options, world, place, state, branch: line.branch, guidance: await readGuidance(place.git, state.baseSha), startedMs: world.now(), reports: new Map() }
  await setSpec(session, state.spec)
  if (!old) await Promise.all([rm(filesIn(place.ai).stuck, { force: true }), rm(filesIn(place.ai).newLearnings, { force: true })])
  await save(session)
  world.emit({ event: 'run.started', mode: 'run', baseSha: state.baseSha, tasks: specOf(session).tasks, verify: state.verify, model: options.model, maxIterations: options.bounds.maxIterations, resumed: old !== null })
  await measureBase(session)
  return session
}

/**
 * Where a run begins or goes on; null without any commit. After an end it is where HEAD is: a person may have worked
 * there. A run that was killed is found as its agent left it, perhaps on another branch or with our
 * commits reset away: it goes back to its own branch, on top of everything of ours.
 */
async function lineOf(place: Place, left: Left | null): Promise<{ branch: string | null; parent: string } | null> {
  const [head, now] = [await place.git.head(), await place.git.branch()]
  if (!left || left.ended) return head === null ? null : { branch: now, parent: head }
  const { state } = left
  const branch = state.branch === undefined ? now : state.branch
  const tips = [head, branch === null ? null : await place.git.commit(branch)]
  for (const tip of tips) if (tip !== null && (await place.git.may(['merge-base', '--is-ancestor', state.head, tip])) !== null) return { branch, parent: tip }
  const parent = (await place.git.commit(state.head)) ?? head
  return parent === null ? null : { branch, parent }
}

async function readSpec(place: Place, name: string): Promise<string> {
  const text = await readFile(place.spec, 'utf8').catch((error: unknown) => {
    throw new Ended(RALPH_EXIT.badSpec, `the spec ${name} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  })
  const problems = checkSpec(parseSpec(text))
  if (problems.length > 0) throw new Ended(RALPH_EXIT.badSpec, problems.map((problem) => problem.message).join('; '))
  return text
}

async function fresh(options: RunOptions, run: string, place: Place, world: World, spec: string, found: { head: string; tree: string; branch: string | null }): Promise<RunState> {
  const verify = options.verify.length > 0 ? [...options.verify] : parseSpec(spec).verify
  if (verify.length === 0 && !options.allowUnchecked) {
    throw new Ended(RALPH_EXIT.badSpec, 'there is no verify command: name one with --verify, add a "## Verify" section to the spec, or allow a run on the diff alone with --no-verify-ok')
  }
  const baseSha = options.base === null ? found.head : await place.git.commit(options.base)
  if (!baseSha) throw new Ended(RALPH_EXIT.baseUnverifiable, `--base ${options.base} is no commit of this repository`)
  const baseTree = (await place.git.must(['rev-parse', `${baseSha}^{tree}`])).trim()
  return {
    v: 1,
    run,
    mode: 'run',
    startedAt: new Date(world.now()).toISOString(),
    elapsedMs: 0,
    baseSha,
    head: found.head,
    branch: found.branch,
    spec,
    setup: [...options.setup],
    verify,
    baseline: null,
    iterations: [],
    stuckSince: 0,
    trees: [...new Set([baseTree, found.tree])],
    evidence: [],
    learnings: [],
    lastTicked: null,
    usage: NO_USAGE,
    outcome: null,
  }
}

/** Base is measured once: what failed before the work is known, and what must not get worse. */
async function measureBase(session: Session): Promise<void> {
  const { state, world, place, options } = session
  if (!state.baseline) {
    const checks = { setup: state.setup, verify: state.verify, limitMs: options.verifyMs }
    state.baseline = await measure({ git: place.git, key: world.key, env: world.commandEnv, signal: world.signal }, state.baseSha, checks)
    await save(session)
  }
  const problem = unusableBase(state.baseline)
  if (problem) {
    state.baseline = null
    await save(session)
    throw new Ended(RALPH_EXIT.baseUnverifiable, problem)
  }
}
