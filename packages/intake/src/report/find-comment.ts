import type { Comment } from '../issues/issue.ts'

/** Names the item inside its status comment; a page does not show it. */
export function marker(itemId: number): string {
  return `<!-- factory:item:${itemId} -->`
}

/**
 * The item's status comment: the oldest that begins with the marker and is by ourselves. Anybody can
 * write the marker; only our own comment may be taken for ours.
 */
export function findStatusComment(comments: readonly Comment[], itemId: number, login: string): Comment | null {
  return comments.find((comment) => comment.login.toLowerCase() === login.toLowerCase() && comment.body.trimStart().startsWith(marker(itemId))) ?? null
}
