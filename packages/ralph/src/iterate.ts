import { parseNewLearnings, tickTasks, type SpecTask } from '@factory/shared'
import { readFile, rm } from 'node:fs/promises'
import { execute, type Execution } from './execute.ts'
import { commitWork } from './git.ts'
import { addUsage, type Outcome } from './outcome.ts'
import { filesIn } from './place.ts'
import { reconcile } from './progress/boxes.ts'
import { buildPrompt, RULES } from './prompt/prompt.ts'
import { elapsedMs, emit, outcome, save, setSpec, specOf, type Session } from './session.ts'
import { signatureOfReport, verifyNow } from './complete.ts'

/** One fresh-context execution at one task, and what is kept of it. An outcome ends the run. */
export async function iterate(session: Session, task: SpecTask): Promise<Outcome | null> {
  const { state, options, place, world } = session
  const iteration = state.iterations.length + 1
  const began = world.now()
  emit(session, { event: 'iteration.started', iteration, task: { id: task.id, text: task.text }, kind: 'work', promptTokens: null })
  const prompt = buildPrompt({
    spec: specOf(session),
    task,
    specFile: place.specName,
    verify: state.verify,
    evidence: state.evidence,
    learnings: options.learnings,
    previous: options.previous,
    guidance: session.guidance,
  })
  const done = await execute(world, {
    iteration,
    dir: place.dir,
    prompt,
    rules: RULES,
    model: options.model,
    costLeftUsd: options.bounds.maxCostUsd - state.usage.costUsd,
    limitMs: Math.max(1000, Math.min(options.iterationMs, options.bounds.maxMinutes * 60_000 - elapsedMs(session))),
    tools: null,
    beforeEdit: null,
  })
  return settle(session, { task, iteration, began, done })
}

type Ran = { task: SpecTask; iteration: number; began: number; done: Execution }

/** Keeps the work, tells what happened, and holds the agent's ticks against the tree. */
async function settle(session: Session, { task, iteration, began, done }: Ran): Promise<Outcome | null> {
  const { state, place } = session
  const counted = done.end === null
  const usage = { ...done.usage, iterations: counted ? 1 : 0 }
  const boxes = reconcile(state.spec, await readFile(place.spec, 'utf8').catch(() => null))
  if (boxes.tampered) emit(session, { event: 'agent.activity', iteration, kind: 'system', summary: `${place.specName} was edited beyond its boxes; the edit is undone`, tool: null, parent: null })

  const kept = await commitWork(place.git, { branch: session.branch, parent: state.head }, `Ralph ${iteration}: ${task.text.slice(0, 60)}`)
  const newTree = !state.trees.includes(kept.tree)
  if (newTree) state.trees.push(kept.tree)
  state.head = kept.head
  state.usage = addUsage(state.usage, usage)
  await setSpec(session, boxes.markdown)

  if (counted) {
    emit(session, { event: 'iteration.finished', iteration, durationMs: session.world.now() - began, isError: done.result.verdict.kind !== 'worked', endedBy: done.result.endedBy, commit: kept.commit, tree: kept.tree, usage, text: done.result.text?.slice(0, 4000) ?? null })
    state.iterations.push({ task: task.id, newTree, progress: false, failure: null })
  }
  await recordLearnings(session)
  // Not saved before the ticks are judged: a run killed in between would find them standing. The event
  // above is on disk, and a run that is taken up counts by it.
  await acceptTicks(session, boxes.ticked, { changed: kept.commit !== null, counted })
  if (counted) await noteFailure(session, done)
  await save(session)
  return done.end ? outcome(session, { ...done.end }) : null
}

/** A tick stands when the tree changed with it, or when the clean room says so; else the box opens again. */
async function acceptTicks(session: Session, ticked: SpecTask[], { changed, counted }: { changed: boolean; counted: boolean }): Promise<void> {
  if (ticked.length === 0) return
  const { state } = session
  const last = counted ? state.iterations.at(-1) : undefined
  let refusal: string | null = null
  if (!changed) {
    const report = counted ? await verifyNow(session) : null
    if (!report?.passed) {
      refusal = `its box was ticked without any change to the repository${report ? `, and the checks say: ${report.reason}` : ''}`
      if (last && report) last.failure = signatureOfReport(report)
    }
  }
  if (refusal !== null) {
    await setSpec(session, tickTasks(state.spec, ticked.map((task) => task.id), false))
    for (const task of ticked) emit(session, { event: 'task.reopened', task: { id: task.id, text: task.text }, reason: refusal, rule: 'no_change' })
    state.evidence = [`The task was said to be done, but ${refusal}`]
    return
  }
  for (const task of ticked) emit(session, { event: 'task.completed', task: { id: task.id, text: task.text }, verified: true })
  state.lastTicked = ticked.at(-1)?.id ?? state.lastTicked
  state.evidence = []
  if (last) last.progress = true
}

/** What went wrong with the execution itself, for the next prompt. */
async function noteFailure(session: Session, done: Execution): Promise<void> {
  const { state, place } = session
  if (done.result.verdict.kind === 'failed') state.evidence = [...state.evidence, `The iteration before ended early: ${done.result.verdict.reason}`].slice(-3)
  const notes = await readFile(filesIn(place.ai).stuck, 'utf8').catch(() => '')
  if (notes.trim() === '') return
  state.evidence = [...state.evidence, `The iteration before gave up and wrote:\n${notes.trim().slice(0, 3000)}`].slice(-3)
  await rm(filesIn(place.ai).stuck, { force: true })
}

async function recordLearnings(session: Session): Promise<void> {
  const { state, place } = session
  const known = new Set(state.learnings.map((learning) => `${learning.kind}:${learning.text.toLowerCase()}`))
  const text = await readFile(filesIn(place.ai).newLearnings, 'utf8').catch(() => '')
  for (const learning of parseNewLearnings(text)) {
    if (known.has(`${learning.kind}:${learning.text.toLowerCase()}`)) continue
    state.learnings.push(learning)
    emit(session, { event: 'learning.recorded', learning })
  }
}
