import type { RalphEvent, RalphEventName } from '@factory/shared/ralph'
import { RalphEvent as EventSchema } from '@factory/shared/ralph'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Agent } from './agents/agent.ts'
import { executeCommand } from './cli/execute-command.ts'
import { runDraft, type DraftOptions } from './draft.ts'
import { runLoop } from './loop/loop.ts'
import { openPlace } from './place.ts'
import type { RunOptions } from './loop/session.ts'
import type { World } from './world.ts'

/** For tests: real git repositories in temporary directories, and Ralph run in this process. */
export const PATH = process.env.PATH ?? '/usr/bin:/bin'

export type Repo = { dir: string; git: (...args: string[]) => string; write: (files: Record<string, string>) => Promise<void>; remove: () => Promise<void> }

export async function makeRepo(files: Record<string, string>): Promise<Repo> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'ralph test ü ')))
  const repo: Repo = {
    dir,
    git(...args) {
      const done = Bun.spawnSync(['git', '-c', 'user.name=T', '-c', 'user.email=t@localhost', ...args], { cwd: dir, env: { PATH, HOME: '/nonexistent' } })
      if (done.exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${done.stderr.toString()}`)
      return done.stdout.toString().trim()
    },
    async write(more) {
      for (const [path, text] of Object.entries(more)) {
        await mkdir(dirname(join(dir, path)), { recursive: true })
        await writeFile(join(dir, path), text)
      }
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  }
  await repo.write(files)
  repo.git('init', '--quiet', '--initial-branch=main')
  repo.git('add', '--all')
  repo.git('commit', '--quiet', '--message=base', '--allow-empty')
  return repo
}

export type Ran = { exitCode: number; events: RalphEvent[]; lines: string[]; of: <N extends RalphEventName>(name: N) => Extract<RalphEvent, { event: N }>[] }

export function toRan(exitCode: number, lines: readonly string[]): Ran {
  const events = lines.map((line) => EventSchema.parse(JSON.parse(line)))
  const isOf = <N extends RalphEventName>(name: N) => (event: RalphEvent): event is Extract<RalphEvent, { event: N }> => event.event === name
  return { exitCode, events, lines: [...lines], of: (name) => events.filter(isOf(name)) }
}

export type Given = { agent: Agent; options?: Partial<RunOptions>; world?: Partial<World>; stop?: AbortController; heartbeatMs?: number; open?: typeof openPlace }

const OPTIONS: Omit<RunOptions, 'dir'> = {
  spec: 'SPEC.md',
  run: null,
  base: null,
  model: null,
  bounds: { maxIterations: 10, maxCostUsd: 10, maxMinutes: 10 },
  iterationMs: 60_000,
  setup: [],
  verify: ['test ! -e broken'],
  require: [],
  verifyMs: 60_000,
  allowUnchecked: false,
  checksAtEnd: false,
  learnings: null,
  previous: null,
  beforeEdit: null,
}

/** `ralph run` with another agent, its events parsed. */
export function runRalph(repo: Repo, given: Given): Promise<Ran> {
  return perform(repo, join(repo.dir, 'SPEC.md'), given, async (world, run) => runLoop({ ...OPTIONS, dir: repo.dir, ...given.options }, run, await (given.open ?? openPlace)({ dir: repo.dir, spec: 'SPEC.md', path: PATH }), world))
}

export function draftRalph(repo: Repo, given: Given & { draft?: Partial<DraftOptions> }): Promise<Ran> {
  const draft: DraftOptions = { request: 'Add a greeting', model: null, maxIterations: 3, maxCostUsd: 10, maxMinutes: 10, iterationMs: 60_000, previous: null, ...given.draft }
  return perform(repo, null, given, async (world) => runDraft(draft, await (given.open ?? openPlace)({ dir: repo.dir, spec: 'SPEC.md', path: PATH }), world))
}

async function perform(repo: Repo, resumes: string | null, given: Given, work: (world: World, run: string) => ReturnType<typeof runLoop>): Promise<Ran> {
  const lines: string[] = []
  const stop = given.stop ?? new AbortController()
  const exitCode = await executeCommand(
    { env: {}, cwd: repo.dir, out: (line) => lines.push(line), err: () => undefined, color: false, now: () => new Date(), signal: stop.signal, ...(given.heartbeatMs === undefined ? {} : { heartbeatMs: given.heartbeatMs }) },
    {
      dir: repo.dir,
      run: given.options?.run ?? 'test',
      resumes,
      quiet: true,
      plain: true,
      work: ({ run, key, emit, nextSeq, withoutHeartbeat, signal }) =>
        work({ agent: given.agent, key, emit, nextSeq, withoutHeartbeat, path: PATH, commandEnv: { PATH, LANG: 'C.UTF-8' }, callerEnv: { PATH }, now: Date.now, sleep: async () => undefined, signal, ...given.world }, run),
    },
  )
  return toRan(exitCode, lines)
}

/** Whether a process still does something; one that is dead but not yet reaped does not. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

/** Waits for a condition; the test's own time limit ends it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate)
}
