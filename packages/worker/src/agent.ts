import { join } from 'node:path'
import { parseSpec, redactText, type Assignment } from '@factory/shared'
import { judgeDisk, lookAtDisk } from './disk/judge-disk.ts'
import { isDiskFull, saysDiskFull } from './disk/full.ts'
import { failWith, type Ending } from './ending.ts'
import { squash, summarize } from './git/squash.ts'
import { lockCommand } from './locks/command.ts'
import { ralphCommand, ralphEnv, type RalphTask } from './ralph/command.ts'
import { fold, startStory, type Story } from './ralph/fold.ts'
import { judge } from './ralph/judge.ts'
import { runRalph } from './ralph/run.ts'
import { step, type Place, type Work } from './work.ts'
import { readText } from './workspace/files.ts'

/** Ralph, from its start to the ending that its exit means, with what it made pushed. */
export async function agent(work: Work, place: Place, onStory: (story: Story) => void): Promise<Ending> {
  const disk = await lookAtDisk(work.config.workspace, work.clocks.wall)
  const dirs = [work.config.workspace, work.tmp]
  try {
    const ending = await carryRalph(work, place, onStory)
    return (await judgeDisk(ending, disk, dirs)) ?? ending
  } catch (error) {
    if (!isDiskFull(error)) throw error
    return (await judgeDisk(failWith('internal', redactText(error instanceof Error ? error.message : String(error))), disk, dirs)) ?? failWith('internal', String(error))
  }
}

async function carryRalph(work: Work, place: Place, onStory: (story: Story) => void): Promise<Ending> {
  const { assignment, session, pusher, config, stop, say } = work
  const { kind } = assignment.run
  const task: RalphTask = kind === 'build' ? { mode: 'run', ...place } : kind === 'spec' ? { mode: 'draft' } : { mode: 'verify', ...place }
  step(work, kind === 'verify' ? 'verify' : 'agent')
  let story = startStory(place.limits.maxIterations)
  const beforeEdit = lockCommand(work.self, { doorUrl: work.doorUrl, deskUrl: work.deskUrl, runId: assignment.run.id })
  const ralph = await runRalph({
    command: ralphCommand(config.ralph, task, { runId: assignment.run.id, model: place.model, limits: place.limits, setup: place.setup, verify: place.environment.verify, required: place.environment.required ?? [], beforeEdit }),
    cwd: config.workspace,
    env: ralphEnv({ basicEnv: { ...config.basicEnv, TMPDIR: work.tmp }, doorUrl: work.doorUrl, runToken: config.runToken, claudeBin: config.claudeBin, imageEnv: config.imageEnv }),
    tmp: work.tmp,
    stop,
    logger: work.logger,
    ...(work.overrides.graceMs === undefined ? {} : { graceMs: work.overrides.graceMs }),
    onEvent(event) {
      story = fold(story, event)
      onStory(story)
      session.event(event)
      session.note({ progress: story.progress, usage: story.usage })
      if (event.event !== 'iteration.finished') return
      say(`iteration ${event.iteration}: ${event.commit ? event.commit.slice(0, 12) : 'no change'} · ${story.progress.tasksDone}/${story.progress.tasksTotal} tasks · $${story.usage.costUsd.toFixed(2)}`)
      if (event.commit && kind === 'build') pusher.want(event.commit)
      void pusher.settled().then(() => session.flush())
    },
  })
  stop.check()
  const text = (name: string) => readText(join(config.workspace, name))
  const ending = judge({ kind, exitCode: ralph.exitCode, story, stderr: redactText(ralph.stderr), spec: await text('SPEC.md'), stuck: await text('.ai/stuck.md'), question: await text('.ai/question.md') })
  if (kind !== 'build') return ending
  step(work, 'push')
  return deliver(work, place, story, ending)
}

/** Pushes what the build made: one commit when it is verified, the work in progress otherwise. */
async function deliver(work: Work, place: Place, story: Story, ending: Ending): Promise<Ending> {
  const { git, pusher, assignment } = work
  const verified = ending.call === 'complete'
  const done = [...story.tasks].filter(([id]) => story.done.has(id)).map(([, text]) => text)
  const sha = verified
    ? await squash(git, { baseSha: place.baseSha, title: titleOf(assignment), summary: summarize(done), itemId: assignment.item.id, author: assignment.commit })
    : await git.must(['rev-parse', 'HEAD'])
  if (!verified && sha === place.baseSha) return ending
  const problem = await pusher.insist(sha)
  work.stop.check()
  if (problem === null || !verified) return ending
  const words = redactText(problem.message)
  if (problem.kind === 'refused') return failWith('push_refused', `the work is done, but it could not be pushed: ${words}`)
  return failWith(saysDiskFull(words) ? 'internal' : 'repository_unreachable', `the work is done, but nobody took it: ${words}`)
}

/** The spec says what changes; an issue's title often says what hurts. */
function titleOf({ item }: Assignment): string {
  return (item.spec === null ? '' : parseSpec(item.spec).title) || item.title
}
