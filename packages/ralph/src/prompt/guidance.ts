import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Guidance } from './prompt.ts'

const FILES = ['CLAUDE.md', 'AGENTS.md']
const MAX_BYTES = 200_000

/** The repository's guidance files; links are not followed, they could lead out of it. */
export async function readGuidance(dir: string): Promise<Guidance[]> {
  const found: Guidance[] = []
  for (const path of FILES) {
    const stat = await lstat(join(dir, path)).catch(() => null)
    if (!stat?.isFile() || stat.size > MAX_BYTES) continue
    const text = await readFile(join(dir, path), 'utf8').catch(() => '')
    // CLAUDE.md is often nothing but a pointer to AGENTS.md, or its copy.
    if (text.trim() && !/^@AGENTS\.md$/.test(text.trim()) && !found.some((file) => file.text === text)) found.push({ path, text })
  }
  return found
}
