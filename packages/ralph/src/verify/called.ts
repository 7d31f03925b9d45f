import { posix } from 'node:path'
import type { Git } from '../git/git.ts'
import { holdsTargets, includesOf, scriptCommands, targetCommands } from './settings/commands.ts'
import { scriptsNamed } from './settings/scripts.ts'

/** What the checks of base come down to. */
export type Called = {
  /** The commands, and those that scripts of package.json, targets and shell scripts run for them. */
  commands: readonly string[]
  /** Paths that those name as scripts, whether or not they are there. */
  scripts: readonly string[]
  /** Files that Makefiles take in. */
  included: readonly string[]
}

/** Files that are opened to follow a call; a chain of checks is shorter. */
const MAX_OPENED = 60
const MAX_CHARS = 128 * 1024
const MAX_COMMANDS = 5000
const MAX_ROUNDS = 8
const TARGETS = ['GNUmakefile', 'makefile', 'Makefile', 'justfile', 'Justfile', '.justfile'] as const

/**
 * Follows the commands through package.json, Makefile or justfile (those of the root) and shell scripts
 * to every file that they run, as all of these are at base: what the run wrote there does not count.
 */
export async function readCalled(git: Git, base: string, commands: readonly string[]): Promise<Called> {
  const texts = new Map<string, string>()
  const read = async (path: string): Promise<string | null> => {
    const known = texts.get(path)
    if (known !== undefined || texts.size >= MAX_OPENED) return known ?? null
    const blob = await git.call(['cat-file', 'blob', `${base}:${path}`])
    const text = blob.exitCode === 0 && blob.stdout.length <= MAX_CHARS && !blob.stdout.includes('\0') ? blob.stdout.replace(/\r\n?/g, '\n') : ''
    texts.set(path, text)
    return text
  }
  const manifest = await read('package.json')
  const makefiles: string[] = []
  const included = new Set<string>()
  for (const path of TARGETS) await takeIn(path)
  async function takeIn(path: string): Promise<void> {
    const text = await read(path)
    if (!text) return
    makefiles.push(text)
    for (const next of includesOf(text).map((name) => posix.join(posix.dirname(path), name))) {
      if (included.has(next)) continue
      included.add(next)
      await takeIn(next)
    }
  }
  const all = new Set(commands)
  const scripts = new Set<string>()
  const opened = new Set<string>()
  for (let round = 0, size = -1; round < MAX_ROUNDS && size !== all.size + scripts.size && all.size < MAX_COMMANDS; round += 1) {
    size = all.size + scripts.size
    const known = [...all]
    for (const command of [...scriptCommands(manifest ?? '', known), ...makefiles.flatMap((text) => targetCommands(text, known))]) all.add(command)
    for (const path of scriptsNamed([...all])) scripts.add(path)
    for (const path of scripts) {
      if (opened.has(path)) continue
      opened.add(path)
      for (const line of shellLines(path, (await read(path)) ?? '')) {
        all.add(line)
        // A script may have gone to its own folder first.
        for (const next of scriptsNamed([line], posix.dirname(path))) scripts.add(next)
      }
    }
  }
  return { commands: [...all], scripts: [...scripts], included: [...included].filter((path) => !holdsTargets(path)) }
}

/** What a shell script runs; of other languages nothing is followed. */
function shellLines(path: string, text: string): string[] {
  const isShell = /\.(?:ba|z|da|k)?sh$/.test(path) || /^#!.*\b(?:ba|z|da|k)?sh\b/.test(text) || !/\.\w+$/.test(path)
  return isShell ? text.replace(/\\\n/g, ' ').split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#')) : []
}
