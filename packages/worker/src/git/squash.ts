import type { Assignment } from '@factory/shared'
import type { Git } from './git.ts'

/**
 * One commit on top of the base with the tree of HEAD: what a reviewer gets, whatever the
 * iterations in between looked like. The checkout itself does not move.
 */
export async function squash(git: Git, options: { baseSha: string; title: string; summary: string; itemId: number; author: Assignment['commit'] }): Promise<string> {
  const { name, email } = options.author
  return git.must(['commit-tree', 'HEAD^{tree}', '-p', options.baseSha, '-m', commitMessage(options)], {
    env: { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email },
  })
}

/** Titles and task texts come from an issue: they must not be able to add trailers or lines of their own. */
function commitMessage({ title, summary, itemId }: { title: string; summary: string; itemId: number }): string {
  const oneLine = title.replace(/[\s\p{Cc}]+/gu, ' ').trim().slice(0, 200) || `Work item ${itemId}`
  const body = summary.trim()
  return `${oneLine}\n\n${body ? `${body}\n\n` : ''}Work-Item: ${itemId}`
}

/** The tasks that were done, as the body of the commit message. */
export function summarize(tasks: readonly string[]): string {
  return tasks.map((task) => `- ${task.replace(/[\s\p{Cc}]+/gu, ' ').trim().slice(0, 300)}`).join('\n')
}
