import type { CheckResult } from '@factory/shared'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeTree } from '../files.ts'
import { withWorktree, type Git } from '../git.ts'
import { runCommand } from '../process/run.ts'
import { countTests } from './counts.ts'
import type { Measured } from './judge.ts'
import { passes } from './signature.ts'

const OUTPUT_TAIL_BYTES = 8192

export type Checks = {
  setup: readonly string[]
  verify: readonly string[]
  /** For all setup commands together, and again for all verify commands. */
  limitMs: number
}

export type Room = { git: Git; env: Record<string, string>; signal: AbortSignal }

/**
 * Runs setup and verify commands on a commit: in a worktree nobody has touched, with a HOME of its
 * own and an environment without credentials. Nothing that was started is left.
 */
export async function measure(room: Room, sha: string, checks: Checks): Promise<Measured> {
  if (checks.verify.length === 0) return { setup: null, checks: [] }
  const home = await mkdtemp(join(tmpdir(), 'ralph-home-'))
  try {
    return await withWorktree(room.git, sha, async (dir) => {
      const run = commandsIn(dir, { ...room.env, HOME: home }, room.signal)
      for (const done of await run(checks.setup, checks.limitMs, true)) if (!passes(done)) return { setup: done, checks: [] }
      return { setup: null, checks: await run(checks.verify, checks.limitMs, false) }
    })
  } finally {
    await removeTree(home)
  }
}

function commandsIn(dir: string, env: Record<string, string>, signal: AbortSignal) {
  return async (commands: readonly string[], limitMs: number, stopAtFailure: boolean): Promise<CheckResult[]> => {
    const results: CheckResult[] = []
    let left = limitMs
    for (const command of commands) {
      signal.throwIfAborted()
      const done = await runCommand({ command, cwd: dir, env, limitMs: Math.max(1000, left), signal })
      signal.throwIfAborted()
      left -= done.durationMs
      const result: CheckResult = { command, exitCode: done.exitCode, durationMs: done.durationMs, timedOut: done.timedOut, outputTail: done.tail.text(OUTPUT_TAIL_BYTES), tests: countTests(done.tail.text()) }
      results.push(result)
      if (stopAtFailure && !passes(result)) break
    }
    return results
  }
}
