import { checkSpec, NO_USAGE, parseSpec, RALPH_EXIT, reconcileSpec } from '@factory/shared/ralph'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { oddity, readOwn, writeOwn } from '../files.ts'
import { refuseUnfinished } from '../git/unfinished.ts'
import { saveFound } from '../git/git.ts'
import { openLocks } from '../locks/open.ts'
import { Ended } from '../outcome.ts'
import { filesIn, hideFiles, type Place } from '../place.ts'
import { loadState, type RunState } from '../progress/state.ts'
import { allOpen, lineFor, specOfLeft } from './take-up.ts'
import { readGuidance } from '../prompt/guidance.ts'
import { tellHeldBack } from './tell-held-back.ts'
import { save, setSpec, specOf, type RunOptions, type Session } from './session.ts'
import { measure } from '../verify/room.ts'
import { unusableBase } from '../verify/verify.ts'
import { leftUntold } from './untold.ts'
import type { World } from '../world.ts'

/**
 * Takes a run up, new or where it was left: finds the spec and freezes its boxes, saves what lies in
 * the tree, measures base.
 * @throws Ended
 */
export async function begin(options: RunOptions, run: string, place: Place, world: World): Promise<Session> {
  await hideFiles(place)
  const left = await loadState(filesIn(place.ai).state)
  const old = left?.run === run ? left : null
  // Of a run that was killed in the middle it is the agent's, and is forgotten with the first commit.
  if (!old?.current && (await place.git.head())) await refuseUnfinished(place.git)
  const line = await lineFor(place.git, old)
  const spec = old ? await specOfLeft(old, place.spec, filesIn(place.ai).events) : await readSpec(place, options.spec)
  const found = { ...line, ...(await saveFound(place.git, line, 'Save the work found in the tree')) }
  const state = old ? goOn(old, options, spec, found) : await fresh(options, run, place, world, spec, found)
  const session: Session = { options, world, place, state, guidance: await readGuidance(place.git, state.baseSha), locks: options.beforeEdit === null ? null : openLocks({ command: options.beforeEdit, place, env: world.callerEnv, emit: world.emit, sleep: world.sleep, signal: world.signal }), startedMs: world.now(), reports: new Map(), heldBack: new Set() }
  for (const event of leftUntold(old?.untold ?? null, world.nextSeq())) world.emit(event)
  await keepEdited(place, state.spec)
  await setSpec(session, state.spec)
  // After an iteration the agent's own notes are taken up and gone: what lies there now is Ralph's report.
  if (!old?.current) await rm(filesIn(place.ai).stuck, { force: true })
  if (!old) await rm(filesIn(place.ai).newLearnings, { force: true })
  await save(session)
  world.emit({ event: 'run.started', mode: 'run', baseSha: state.baseSha, tasks: specOf(session).tasks, verify: state.verify, model: options.model, maxIterations: options.bounds.maxIterations, resumed: old !== null })
  tellHeldBack(session, state.iterations.length, found.heldBack)
  await measureBase(session)
  return session
}

type Found = { branch: string | null; head: string; tree: string }

/** A checklist that is about to be put back is kept beside it: after a kill it can be a person's edit. */
async function keepEdited(place: Place, spec: string): Promise<void> {
  const found = await readOwn(place.spec)
  if (found !== null && reconcileSpec(allOpen(spec), found).tampered) await writeOwn(join(place.ai, 'replaced-spec.md'), found)
}

/** The same run again: what it knew stands, and what was in work when it ended is told to the next iteration. */
export function goOn(left: RunState, options: RunOptions, spec: string, found: Found): RunState {
  const cut = left.current === null ? [] : [`The iteration before was cut off in the middle. What it left in the tree was saved as it was; it may be half done.`]
  // The command line's checks win over what the file says, which an agent can write.
  const checks = options.verify.length + options.require.length > 0 ? checksOf(options, spec) : { verify: left.verify, required: left.required }
  return {
    ...left,
    ...checks,
    // Base is measured with the checks it is compared by.
    baseline: checks.verify.join('\n') === left.verify.join('\n') ? left.baseline : null,
    spec,
    head: found.head,
    setup: [...options.setup],
    // What an iteration left is its own new tree. In front: the last of them is what the first one began with.
    trees: left.trees.includes(found.tree) || left.iterations.some((fact) => fact.tree === found.tree) ? left.trees : [found.tree, ...left.trees],
    evidence: [...left.evidence, ...cut],
    current: null,
    stuckSince: left.outcome?.exitCode === RALPH_EXIT.stuck ? left.iterations.length : left.stuckSince,
    untold: null,
    outcome: null,
  }
}

/** A spec's own commands are what was asked for, and required; those of the caller guard what was there before. */
function checksOf(options: Pick<RunOptions, 'verify' | 'require'>, spec: string): { verify: string[]; required: string[] } {
  const given = options.verify.length + options.require.length > 0
  const required = given ? [...options.require] : parseSpec(spec).verify
  return { verify: [...new Set([...options.verify, ...required])], required }
}

/** @throws Ended when it cannot be read or worked off */
export async function readSpec(place: Place, name: string): Promise<string> {
  const odd = await oddity(place.spec, 'file')
  if (odd !== null) throw new Ended(RALPH_EXIT.badSpec, `the spec ${name} is ${odd} and not a file; name the file itself with --spec`)
  const text = await readOwn(place.spec)
  if (text === null) throw new Ended(RALPH_EXIT.badSpec, `the spec ${name} cannot be read: there is no such file, or it is not readable`)
  const problems = checkSpec(parseSpec(text))
  if (problems.length > 0) throw new Ended(RALPH_EXIT.badSpec, problems.map((problem) => problem.message).join('; '))
  return text
}

/** @throws Ended when there is nothing to verify with, or no such base */
export async function fresh(options: RunOptions, run: string, place: Place, world: Pick<World, 'now'>, spec: string, found: Found): Promise<RunState> {
  const { verify, required } = checksOf(options, spec)
  if (verify.length === 0 && !options.allowUnchecked) {
    throw new Ended(RALPH_EXIT.badSpec, 'there is no verify command: name one with --verify, add a "## Verify" section to the spec, or allow a run on the diff alone with --no-verify-ok')
  }
  const baseSha = options.base === null ? found.head : await place.git.commit(options.base)
  if (!baseSha) throw new Ended(RALPH_EXIT.baseUnverifiable, `--base ${options.base} is no commit of this repository`)
  const baseTree = (await place.git.must(['rev-parse', `${baseSha}^{tree}`])).trim()
  return {
    v: 2,
    run,
    startedAt: new Date(world.now()).toISOString(),
    elapsedMs: 0,
    baseSha,
    branch: found.branch,
    head: found.head,
    spec,
    setup: [...options.setup],
    verify,
    required,
    baseline: null,
    iterations: [],
    current: null,
    stuckSince: 0,
    trees: [...new Set([baseTree, found.tree])],
    evidence: [],
    everTicked: [],
    untold: null,
    agentNotes: null,
    diagnosis: null,
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
    const checks = { setup: state.setup, verify: state.verify, required: state.required, limitMs: options.verifyMs }
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
