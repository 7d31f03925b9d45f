import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { WorkerDirectory } from './directory.ts'

/**
 * Carries the worker and outlives us: writes down who it is before anything runs, and the exit code
 * behind it. Of two that were started for one worker (two orchestrators, one of them thawed) only the one
 * that makes `claim` goes on. `trap :` keeps the shell alive through a SIGTERM to the group; the worker gets the default.
 */
const WRAPPER = `
directory=$1; shift
trap : TERM INT HUP
mkdir "$directory/claim" 2>/dev/null || exit 0
cat /proc/sys/kernel/random/boot_id > "$directory/boot"
cat /proc/$$/stat > "$directory/stat.new" && mv "$directory/stat.new" "$directory/stat"
cd "$directory/workspace" || exit 1
"$@"
code=$?
echo $code > "$directory/exit.new" && mv "$directory/exit.new" "$directory/exit"
exit $code
`

/** Starts `command` in a session of its own. Resolves when its wrapper runs or could not be executed. */
export async function launch(directory: WorkerDirectory, command: readonly string[], env: Record<string, string>): Promise<void> {
  const log = openSync(directory.file('log'), 'a', 0o600)
  try {
    await new Promise<void>((resolve, reject) => {
      const child = spawn('/bin/sh', ['-c', WRAPPER, 'factory-worker', directory.path, ...command], { detached: true, env, stdio: ['ignore', log, log], cwd: directory.path })
      child.once('error', reject)
      child.once('spawn', () => {
        child.unref()
        resolve()
      })
    })
  } finally {
    closeSync(log)
  }
}
