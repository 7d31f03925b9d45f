import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The variables by which the hook program finds Ralph. See hook-main.ts. */
export const EDITS = 'RALPH_EDITS'
export const SOCKET = 'RALPH_EDIT_SOCKET'

/** Claude Code's tools that change a file. Bash does, too: that is found in the diff. */
const MATCHER = 'Edit|Write|MultiEdit|NotebookEdit'
/** Seconds until Claude Code gives the hook up: longer than the hook itself waits. */
const TIMEOUT_SECONDS = 60

/**
 * Beside this file: hook-main.ts in the repository, before-edit.js where Ralph is a bundle (scripts/lib/stage.sh).
 * @throws when there is none
 */
function hookProgram(dir = import.meta.dir): string {
  const found = ['hook-main.ts', 'before-edit.js'].map((name) => join(dir, name)).find((path) => existsSync(path))
  if (found === undefined) throw new Error(`the program that asks before edits is missing in ${dir}`)
  return found
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/**
 * The hook's shell command. Bun reads bunfig.toml (which can name code to load first) and .env from the
 * working directory and from HOME, and an agent can write to both: so neither, and no variable but ours.
 */
function hookCommand(): string {
  const bun = [process.execPath, '--no-env-file', '--config=/dev/null', hookProgram()].map(quote).join(' ')
  return `[ "$${EDITS}" = free ] || { cd / && exec /usr/bin/env -i HOME=/dev/null "${EDITS}=$${EDITS}" "${SOCKET}=$${SOCKET}" ${bun}; }`
}

/** Settings of Claude Code with our hook before every edit; a hook that fails in any way blocks the edit. */
export function hookSettings() {
  return { hooks: { PreToolUse: [{ matcher: MATCHER, hooks: [{ type: 'command', command: hookCommand(), timeout: TIMEOUT_SECONDS, onFailure: 'block' }] }] } }
}
