import { reconcileSpec, type SpecTask } from '@factory/shared/ralph'
import { execute, type Execution } from './execute.ts'
import { readOwn } from '../files.ts'
import { commitWork } from '../git/git.ts'
import { addUsage, type Outcome } from '../outcome.ts'
import type { IterationFact } from '../progress/facts.ts'
import type { Kept } from '../locks/keep.ts'
import { unasked } from '../locks/unasked.ts'
import { buildPrompt, diagnosisPrompt, RULES, type Prompt } from '../prompt/prompt.ts'
import { restore } from '../git/restore.ts'
import { elapsedMs, emit, outcome, save, setSpec, specOf, tell, type Session } from './session.ts'
import { tellHeldBack } from './tell-held-back.ts'
import { takeLearnings, takeNotes } from './notes.ts'
import { judgeWork } from './judge-work.ts'

export type Turn = { task: SpecTask; kind: IterationFact['kind']; iteration: number; began: number }

/** One fresh-context execution at one task, and what is kept of it. An outcome ends the run. */
export async function iterate(session: Session, task: SpecTask, kind: IterationFact['kind']): Promise<Outcome | null> {
  const { state, options, place, world } = session
  const turn: Turn = { task, kind, iteration: state.iterations.length + 1, began: world.now() }
  state.current = { iteration: turn.iteration, kind, task: task.id, startedAt: new Date(turn.began).toISOString() }
  await save(session)
  const { text: prompt, tokens } = promptFor(session, turn)
  emit(session, { event: 'iteration.started', iteration: turn.iteration, task: { id: task.id, text: task.text }, kind, promptTokens: tokens })
  const done = await execute(world, {
    iteration: turn.iteration,
    dir: place.dir,
    prompt,
    rules: RULES,
    model: options.model,
    costLeftUsd: options.bounds.maxCostUsd - state.usage.costUsd,
    deadline: world.now() + options.bounds.maxMinutes * 60_000 - elapsedMs(session),
    limitMs: Math.max(1000, Math.min(options.iterationMs, options.bounds.maxMinutes * 60_000 - elapsedMs(session))),
    tools: kind === 'diagnosis' ? ['Read', 'Glob', 'Grep', 'Bash'] : null,
    beforeEdit: kind === 'work' ? (session.locks?.beforeEdit ?? null) : null,
  })
  return kind === 'diagnosis' ? keepDiagnosis(session, turn, done) : keepWork(session, turn, done)
}

/** The prompt of the next iteration at a task. */
export function promptFor(session: Pick<Session, 'state' | 'options' | 'place' | 'guidance'>, { task, kind }: Pick<Turn, 'task' | 'kind'>): Prompt {
  const { state, options, place, guidance } = session
  const given = {
    spec: specOf(session),
    task,
    specFile: place.specName,
    verify: state.verify,
    evidence: state.diagnosis === null ? state.evidence : [...state.evidence, `A diagnosis of the attempts before says:\n${state.diagnosis}`],
    learnings: options.learnings,
    previous: options.previous,
    guidance,
  }
  return kind === 'diagnosis' ? diagnosisPrompt({ ...given, attempts: state.iterations.filter((fact) => fact.task === task.id).length }) : buildPrompt(given)
}

/** Commits what was done, holds the agent's ticks against the tree, and measures it. */
async function keepWork(session: Session, turn: Turn, done: Execution): Promise<Outcome | null> {
  const { state, place } = session
  const boxes = reconcileSpec(state.spec, await readOwn(place.spec))
  if (boxes.tampered) emit(session, { event: 'agent.activity', iteration: turn.iteration, kind: 'system', summary: `${place.specName} was edited beyond its boxes; the edit is undone`, tool: null, parent: null, rule: 'checklist_edited' })
  const held = await session.locks?.keep(state.head, state.baseSha)
  const kept = await commitWork(place.git, { branch: state.branch, parent: state.head }, `Ralph ${turn.iteration}: ${turn.task.text.slice(0, 60)}`)
  state.head = kept.head
  await close(session, turn, done, kept)
  // What a limit or a signal cut short is kept, and judged when it is done: its ticks wait.
  await setSpec(session, done.end ? state.spec : boxes.markdown)
  const told = tellHeldBack(session, turn.iteration, kept.heldBack)
  if (!done.end) await judgeWork(session, { done, ticked: boxes.ticked, changed: kept.commit !== null })
  state.evidence.push(...told)
  await takeNotes(session)
  state.evidence.push(...undoneOf(held), ...(boxes.tampered ? [`${place.specName} was edited beyond its boxes and the edit was undone: only "[ ]" may become "[x]" there.`] : []))
  state.current = null
  await save(session)
  if (done.end) return outcome(session, { ...done.end })
  // Kept as it is: a run that is taken up asks again before it says "done".
  return held && held.unknown.length > 0 ? outcome(session, unasked(held.unknown)) : null
}

const undoneOf = (held: Kept | undefined): string[] =>
  held && held.undone.length > 0 ? [`Changes of these files were undone, somebody else is at work on them; do without:\n${held.undone.map(({ path, reason }) => `- ${path}: ${reason}`).join('\n')}`] : []

/** A diagnosis leaves words for the next attempt and nothing else: whatever it changed is undone. */
async function keepDiagnosis(session: Session, turn: Turn, done: Execution): Promise<Outcome | null> {
  const { state, place } = session
  await restore(place.git, (await place.git.must(['rev-parse', `${state.head}^{tree}`])).trim(), state.head)
  const kept = await commitWork(place.git, { branch: state.branch, parent: state.head }, 'nothing')
  await setSpec(session, state.spec)
  if (done.end === null && done.result.verdict.kind === 'worked') state.diagnosis = done.result.text?.trim() || null
  await close(session, turn, done, kept)
  await takeNotes(session)
  state.current = null
  await save(session)
  return done.end ? outcome(session, { ...done.end }) : null
}

/** Books the execution, and tells of it. */
async function close(session: Session, { task, kind, iteration, began }: Turn, done: Execution, kept: { commit: string | null; tree: string }): Promise<void> {
  const { state, world } = session
  const { verdict, endedBy, text } = done.result
  const counted = done.end === null
  const usage = { ...done.usage, iterations: counted ? 1 : 0 }
  state.usage = addUsage(state.usage, usage)
  if (counted) state.iterations.push({ task: task.id, kind, tree: kept.tree, commit: kept.commit, ticked: [], verified: false, failing: null, failure: null, note: verdict.kind === 'failed' ? verdict.reason : '' })
  const learnings = await takeLearnings(session)
  await tell(session, [
    ...learnings.map((learning) => ({ event: 'learning.recorded' as const, learning })),
    ...(counted ? [{ event: 'iteration.finished' as const, iteration, durationMs: world.now() - began, isError: verdict.kind !== 'worked', endedBy, commit: kept.commit, tree: kept.tree, usage, text: text?.slice(0, 4000) ?? null }] : []),
  ])
}
