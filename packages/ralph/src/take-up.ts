import { RALPH_EXIT, reconcileSpec } from '@factory/shared'
import { readOwn } from './files.ts'
import type { Git } from './git.ts'
import { Ended } from './outcome.ts'
import type { RunState } from './progress/state.ts'

/** Where the next commit goes. */
export type Line = { branch: string | null; parent: string }

/** Whether Ralph was killed while its agent was at work: then what lies here is the agent's, not a person's. */
const cutOff = (left: RunState): boolean => left.current !== null

/**
 * The line of commits a run that was left goes on with. Commits that somebody put on top of it since are
 * kept; what an agent did to the branch while Ralph was being killed is not.
 * @throws Ended when the checkout stands somewhere else
 */
export async function lineOf(git: Git, left: RunState, head: string): Promise<Line> {
  const here = await git.branch()
  const words = `the work of run ${left.run} is at ${left.head.slice(0, 12)} on ${left.branch ?? 'a detached HEAD'}`
  if ((await git.commit(left.head)) === null) throw new Ended(RALPH_EXIT.baseUnverifiable, `${words}, which this repository does not have any more; begin anew with another --run`)
  if (here !== left.branch) throw new Ended(RALPH_EXIT.baseUnverifiable, `${words}, but the checkout is on ${here ?? 'a detached HEAD'}: check that out to go on, or begin anew with another --run`)
  const onTop = (await git.may(['merge-base', '--is-ancestor', left.head, head])) !== null
  return { branch: left.branch, parent: onTop || !cutOff(left) ? head : left.head }
}

/**
 * The checklist a run that was left goes on with. Ticks that a person made since stand; their other
 * edits would be undone by going on, so they end it.
 * @throws Ended when the file was edited beyond its boxes
 */
export async function specOfLeft(left: RunState, file: string): Promise<string> {
  const found = await readOwn(file)
  if (cutOff(left) || found === null) return left.spec
  const boxes = reconcileSpec(left.spec, found)
  if (boxes.tampered) throw new Ended(RALPH_EXIT.badSpec, `${file} was edited since run ${left.run} began: begin anew with another --run, or put the text back to go on`)
  return boxes.markdown
}
