import type { Git } from '../git/git.ts'
import type { Guidance } from './prompt.ts'

const FILES = ['CLAUDE.md', 'AGENTS.md']

/** A larger file is not looked at, in bytes. */
const LARGEST = 16 * 1024 * 1024
/** More than a prompt takes, in characters. */
const ENOUGH = 65_536

/**
 * The repository's guidance files as they are in a commit: what the agent writes into them cannot
 * steer the prompts after it, a link is no more than its text, and nothing they name is read.
 */
export async function readGuidance(git: Git, sha: string): Promise<Guidance[]> {
  const texts = await Promise.all(FILES.map((path) => readText(git, `${sha}:${path}`)))
  const found: Guidance[] = []
  for (const [index, path] of FILES.entries()) {
    const text = texts[index] ?? ''
    // CLAUDE.md is often nothing but a pointer to AGENTS.md, or its copy.
    const pointer = FILES.some((name) => text === name || text === `@${name}`)
    if (text !== '' && !pointer && !found.some((file) => file.text === text)) found.push({ path, text })
  }
  return found
}

/** Empty for what is no text: a directory, a binary file, one beyond all reason. Bytes that are no UTF-8 are replaced. */
async function readText(git: Git, name: string): Promise<string> {
  const size = await git.may(['cat-file', '-s', name])
  if (size === null || Number(size) > LARGEST) return ''
  const text = ((await git.may(['cat-file', 'blob', name])) ?? '').slice(0, ENOUGH).trim()
  return text.includes('\0') ? '' : text
}
