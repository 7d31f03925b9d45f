import type { Comment } from '../issues/issue.ts'

/** Names the item inside its status comment; a page does not show it. */
export function marker(itemId: number): string {
  return `<!-- factory:item:${itemId} -->`
}

/**
 * The item's status comments, oldest first: the first is the one. More than one there can only be for the
 * moment that two intakes, or an answer that was lost, make of it. Anybody can write the marker; only
 * comments by ourselves that begin with it may be taken for ours.
 */
export function findStatusComments(comments: readonly Comment[], itemId: number, login: string): Comment[] {
  return comments.filter((comment) => comment.login.toLowerCase() === login.toLowerCase() && comment.body.trimStart().startsWith(marker(itemId))).toSorted((a, b) => a.id - b.id)
}
