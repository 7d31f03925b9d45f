import type { Git } from '../git.ts'
import type { Guidance } from './prompt.ts'

const FILES = ['CLAUDE.md', 'AGENTS.md']

/**
 * The repository's guidance files as they are in a commit: what the agent writes into them cannot
 * steer the prompts after it, and a link is no more than its text.
 */
export async function readGuidance(git: Git, sha: string): Promise<Guidance[]> {
  const texts = await Promise.all(FILES.map((path) => git.may(['show', `${sha}:${path}`])))
  const found: Guidance[] = []
  for (const [index, path] of FILES.entries()) {
    const text = texts[index] ?? ''
    // CLAUDE.md is often nothing but a pointer to AGENTS.md, or its copy.
    const pointer = FILES.some((name) => text === name || text === `@${name}`)
    if (text !== '' && !pointer && !found.some((file) => file.text === text)) found.push({ path, text })
  }
  return found
}
