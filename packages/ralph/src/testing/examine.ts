import { join } from 'node:path'
import { EVIDENCE } from './crash-life.ts'
import { eventsOf, git, linesOf, litter, written, type Lived, type Stage } from './crash.ts'

/** What must hold after any sequence of lives of which the last one ended by itself; [] when it does. */
export function examine(stage: Stage, lives: readonly Lived[]): string[] {
  const wrong: string[] = []
  const must = (holds: boolean, what: string): void => void (holds || wrong.push(what))
  const last = lives.at(-1)
  const events = eventsOf(stage)
  const ofRun = events.filter((event) => event.run === events.at(-1)?.run)
  const end = ofRun.findLast((event) => event.event === 'run.finished')

  // A life that told its end and was killed before it was gone has ended, too.
  must(last?.exitCode === 0 || (last?.killed === true && end?.exitCode === 0), `the last life ended with ${last?.exitCode}: ${last?.stderr} ${last?.lines.at(-1)}`)
  for (const life of lives) must(!life.stateTorn, 'state.json was torn')
  for (const [index, life] of lives.slice(0, -1).entries()) must(life.killed, `life ${index} was not killed, but ended with ${life.exitCode}: ${life.stderr}`)
  // A run that was killed before it said anything may be taken up under another name.
  must(new Set(events.filter((event) => event.event === 'run.started').map((event) => event.run)).size === 1, 'more than one run began')

  must(ofRun.every((event, index) => event.seq === index + 1), `numbers: ${ofRun.map((event) => event.seq).join(' ')}`)
  const ends = lives.map((life) => life.lines.filter((line) => line.includes('"event":"run.finished"')).length)
  must(ends.every((count, index) => count === (index === lives.length - 1 ? 1 : 0)), `run.finished by life: ${ends.join(' ')}`)
  must(last?.lines.at(-1)?.includes('"event":"run.finished"') === true, 'run.finished is not the last line')
  const file = new Set(linesOf(join(stage.dir, '.ai/ralph/events.jsonl')))
  for (const line of lives.flatMap((life) => life.lines)) must(file.has(line), `was said and is not in the file: ${line.slice(0, 200)}`)

  const iterations = ofRun.filter((event) => event.event === 'iteration.finished')
  must(iterations.every((event, index) => event.iteration === index + 1), `iterations: ${iterations.map((event) => event.iteration).join(' ')}`)
  const spent = iterations.reduce((sum, event) => sum + event.usage.costUsd, 0)
  must(end?.usage.iterations === iterations.length && Math.abs((end?.usage.costUsd ?? 0) - spent) < 1e-9, `usage: ${JSON.stringify(end?.usage)} for ${iterations.length} iterations at $${spent}`)
  const said = new Set(ofRun.filter((event) => event.event === 'task.completed').map((event) => event.task.id))
  must(said.size === 2, `${said.size} of 2 tasks were said to be done`)

  const history = new Set(git(stage.dir, 'rev-list', 'HEAD').split('\n'))
  const reported = new Set(iterations.map((event) => event.commit))
  for (const { commit } of iterations) must(commit === null || history.has(commit), `lost commit ${commit}`)
  for (const life of lives) must(history.has(life.head), `lost commit ${life.head}, the tip at a kill`)
  must(end?.headSha === git(stage.dir, 'rev-parse', 'HEAD'), 'run.finished names another commit than HEAD')
  must(git(stage.dir, 'symbolic-ref', 'HEAD') === 'refs/heads/main', 'HEAD is on another branch')
  must(git(stage.dir, 'status', '--porcelain') === '', 'the tree is not clean')
  const tree = new Set(git(stage.dir, 'ls-tree', '-r', '--name-only', 'HEAD').split('\n'))
  for (const name of written(stage)) must(tree.has(name), `lost file ${name}`)
  for (const name of lives.slice(0, -1).flatMap((life) => life.uncommitted)) {
    const [commit = '', subject] = git(stage.dir, 'log', '--format=%H %s', '--diff-filter=A', '--', name).split(/ (.*)/)
    // Or the git that was at it finished after the kill; what matters is that no other iteration got it.
    const own = subject === 'Save the work found in the tree' || (subject?.startsWith('Ralph ') && !reported.has(commit))
    must(own === true, `${name} was in work at a kill and has no commit of its own`)
  }
  if (last?.killed === false) for (const name of litter(stage)) must(false, `left behind: ${name}`)
  return [...wrong, ...evidenceLost(stage, lives)]
}

/** A prompt that followed a state with evidence in it has the evidence. */
function evidenceLost(stage: Stage, lives: readonly Lived[]): string[] {
  const prompts = linesOf(join(stage.notes, 'prompts'))
  return lives.slice(0, -1).flatMap((life) => {
    const known = life.state?.evidence.some((text) => text.includes(EVIDENCE)) === true
    return known && prompts[life.prompts] === '{"evidence":false}' ? ['the evidence was lost with a kill'] : []
  })
}
