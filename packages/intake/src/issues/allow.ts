import type { Author } from '@factory/shared'

/** GitHub's words for how somebody belongs to a repository. Anything else in the list is a login. */
const ASSOCIATIONS = ['OWNER', 'MEMBER', 'COLLABORATOR', 'CONTRIBUTOR', 'FIRST_TIME_CONTRIBUTOR', 'FIRST_TIMER', 'MANNEQUIN', 'NONE']

/**
 * Is this person on the allow-list? Entries are associations in capitals, logins, or `*`.
 * Bots (`name[bot]`) have an association like people do, so only `*` or their name lets them in.
 */
export function isAllowed(author: Author, list: readonly string[]): boolean {
  const login = author.login.toLowerCase()
  return list.some((entry) => {
    if (entry === '*') return true
    if (ASSOCIATIONS.includes(entry)) return entry === author.association && !login.endsWith('[bot]')
    return entry.toLowerCase() === login
  })
}
