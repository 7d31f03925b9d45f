import type { CheckResult } from '@factory/shared/ralph'
import { removeTree } from '../files.ts'
import { openGit, withWorktree, type Git } from '../git/git.ts'
import { makeTemporary } from '../process/leftovers.ts'
import { runCommand, type CommandResult } from '../process/run.ts'
import { readCounts } from './counts.ts'
import { askForReports } from './junit/ask.ts'
import { collectReports, markTime } from './junit/collect.ts'
import type { Measured, Ran } from './measured.ts'
import { passes } from './signature.ts'

const OUTPUT_TAIL_BYTES = 8192

export type Checks = {
  setup: readonly string[]
  /** May fail at head as they failed at base. */
  verify: readonly string[]
  /** Must succeed at head whatever they did at base; a command in both is required. */
  required?: readonly string[]
  /** For all setup commands together, and again for all verify commands. */
  limitMs: number
}

export type Room = {
  git: Git
  /** Of the checkout, see `keyOf`. */
  key: string
  env: Record<string, string>
  signal: AbortSignal
}

/** What is run on a commit, each command once. */
export const commandsOf = (checks: Pick<Checks, 'verify' | 'required'>): string[] => [...new Set([...checks.verify, ...(checks.required ?? [])])]

/**
 * Runs setup and checks on a commit: in a worktree nobody has touched, with a HOME of its own and an
 * environment without credentials. Runners are asked for JUnit files besides. Nothing that was started
 * is left.
 */
export async function measure(room: Room, sha: string, checks: Checks): Promise<Measured> {
  const commands = commandsOf(checks)
  if (commands.length === 0) return { setup: null, checks: [] }
  const [home, reports] = await Promise.all([makeTemporary('home', room.key), makeTemporary('reports', room.key)])
  try {
    return await withWorktree(room.git, sha, room.key, async (dir) => {
      const git = openGit(dir, room.env.PATH ?? '')
      const own = { ...room.env, HOME: home }
      const setup = await run({ dir, key: room.key, env: own, signal: room.signal, commands: checks.setup, limitMs: checks.limitMs, until: (done) => !passes(done.result) })
      const broken = setup.find((done) => !passes(done.result))
      if (broken) return { setup: broken.result, checks: [] }
      const env = { ...withoutCredentials(own), ...(await askForReports(git, { dir, reports, env: own, commands })) }
      const done = await run({ dir, key: room.key, env, signal: room.signal, commands, limitMs: checks.limitMs, reports: { git, folder: reports } })
      return { setup: null, checks: done.map(({ result }) => result), ran: done.map(({ ran }) => ran) }
    })
  } finally {
    await Promise.all([home, reports].map(removeTree))
  }
}

/** A proxy's address can hold a credential: setup may need it to fetch something, a check has no business with it. */
function withoutCredentials(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, PROXY.test(name) ? value.replace(/^([a-z][\w+.-]*:\/\/)[^/@]*@/i, '$1') : value]))
}

const PROXY = /^https?_proxy$/i

type Done = { result: CheckResult; ran: Ran }
type Work = { dir: string; key: string; env: Record<string, string>; signal: AbortSignal; commands: readonly string[]; limitMs: number; until?: (done: Done) => boolean; reports?: { git: Git; folder: string } }

async function run({ dir, key, env, signal, commands, limitMs, until, reports }: Work): Promise<Done[]> {
  const all: Done[] = []
  let left = limitMs
  for (const command of commands) {
    signal.throwIfAborted()
    const since = reports ? await markTime(reports.folder) : 0
    const ended = await runCommand({ command, cwd: dir, key, env, limitMs: Math.max(1000, left), signal })
    signal.throwIfAborted()
    left -= ended.durationMs
    const done = toDone(command, ended, reports ? await collectReports(reports.git, { dir, reports: reports.folder, since }) : null)
    all.push(done)
    if (until?.(done)) break
  }
  return all
}

/** JUnit counts where there are some: they know skipped tests from executed ones whatever is printed. */
function toDone(command: string, ended: CommandResult, junit: Ran['junit']): Done {
  const text = ended.tail.text()
  const whole = !ended.tail.isFull
  const output = readCounts(text, whole)
  const result: CheckResult = {
    command,
    exitCode: ended.exitCode,
    durationMs: ended.durationMs,
    timedOut: ended.timedOut,
    outputTail: ended.tail.text(OUTPUT_TAIL_BYTES),
    tests: junit?.counts ?? output?.counts ?? null,
    ...(junit ? { counted: 'junit' as const } : output ? { counted: 'output' as const } : {}),
  }
  return { result, ran: { command, output, whole, junit } }
}
