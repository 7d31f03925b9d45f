import { parseSpec, RALPH_EXIT, reconcileSpec, tickTasks } from '@factory/shared/ralph'
import { editedSince } from './edited-since.ts'
import { readOwn } from '../files.ts'
import type { Git } from '../git/git.ts'
import { Ended } from '../outcome.ts'
import type { RunState } from '../progress/state.ts'

/** Where the next commit goes. */
export type Line = { branch: string | null; parent: string }

/** Whether Ralph was killed while its agent was at work: then what lies here is the agent's, not a person's. */
const cutOff = (left: RunState): boolean => left.current !== null

/**
 * Where a run begins or goes on.
 * @throws Ended when there is no commit to start from, or the run that was left cannot go on here
 */
export async function lineFor(git: Git, left: RunState | null): Promise<Line> {
  const head = await git.head()
  if (left) return lineOf(git, left, head)
  if (!head) throw new Ended(RALPH_EXIT.baseUnverifiable, 'the repository has no commit to start from')
  return { branch: await git.branch(), parent: head }
}

/**
 * The line of commits a run that was left goes on with. Commits that somebody put on top of it since are
 * kept; what an agent did to the branch while Ralph was being killed is not. `head` is null on a branch
 * without a commit.
 * @throws Ended when the checkout stands somewhere else
 */
async function lineOf(git: Git, left: RunState, head: string | null): Promise<Line> {
  const here = await git.branch()
  const words = `the work of run ${left.run} is at ${left.head.slice(0, 12)} on ${left.branch ?? 'a detached HEAD'}`
  if ((await git.commit(left.head)) === null) throw new Ended(RALPH_EXIT.baseUnverifiable, `${words}, which this repository does not have any more; begin anew with another --run`)
  if (cutOff(left) && (await isAgents(git, left, head))) return { branch: left.branch, parent: left.head }
  if (head === null || here !== left.branch) throw new Ended(RALPH_EXIT.baseUnverifiable, `${words}, but the checkout is on ${here ?? 'a detached HEAD'}: check that out to go on, or begin anew with another --run`)
  const onTop = await isAncestor(git, left.head, head)
  return { branch: left.branch, parent: onTop || !cutOff(left) ? head : left.head }
}

const isAncestor = async (git: Git, older: string, newer: string): Promise<boolean> => (await git.may(['merge-base', '--is-ancestor', older, newer])) !== null

/**
 * Whether a checkout that stands elsewhere was moved by the agent of the run: it made a branch without a
 * history, or one of its own on top of base. A person who looked at something else stands on what was there
 * before.
 */
async function isAgents(git: Git, left: RunState, head: string | null): Promise<boolean> {
  if (head === null || (await git.may(['merge-base', left.baseSha, head])) === null) return true
  return head !== left.baseSha && (await isAncestor(git, left.baseSha, head)) && !(await isAncestor(git, left.head, head))
}

/**
 * The checklist a run that was left goes on with. Boxes that a person set or opened since stand as they are;
 * their other edits would be undone by going on, so they end it.
 * @throws Ended when the file was edited beyond its boxes
 */
export async function specOfLeft(left: RunState, spec: string, events: string): Promise<string> {
  const found = await readOwn(spec)
  if (found === null || (cutOff(left) && !(await editedSince(spec, events)))) return left.spec
  const boxes = reconcileSpec(allOpen(left.spec), found)
  if (boxes.tampered) throw new Ended(RALPH_EXIT.badSpec, `${spec} was edited since run ${left.run} began: begin anew with another --run, or put the text back to go on`)
  return boxes.markdown
}

/** The checklist without any tick: what it says, whatever was done of it. */
export const allOpen = (markdown: string): string => tickTasks(markdown, parseSpec(markdown).tasks.map((task) => task.id), false)
