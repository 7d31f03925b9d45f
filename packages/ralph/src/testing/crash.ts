import { RalphEvent } from '@factory/shared/ralph'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { loadState, type RunState } from '../progress/state.ts'
import type { Life } from './crash-life.ts'

/** When a life ends: by itself (`count`: with its steps counted), at its n-th step, or so many milliseconds after it began. */
export type Kill = { at: 'never' | 'count' } | { at: 'step'; step: number } | { at: 'time'; ms: number }

export type Scenario = Pick<Life, 'run' | 'verify' | 'wrongFirst' | 'wanders' | 'heartbeatMs'>

/** A checkout with notes beside it, in which Ralph lives one life after another. */
export type Stage = { root: string; program: string; dir: string; notes: string; temporary: string; path: string }

/** What one life said and left behind. */
export type Lived = {
  killed: boolean
  exitCode: number | null
  lines: string[]
  stderr: string
  /** What was there when it was dead. */
  state: RunState | null
  stateTorn: boolean
  /** The tip of the branch. */
  head: string
  /** Files that the agent had written and no commit had yet. */
  uncommitted: string[]
  steps: number
  /** How long it took. */
  ms: number
  /** How many prompts the agent had had by then. */
  prompts: number
}

const SPEC = '# T\n\n- [ ] the first task\n- [ ] the second task\n'
const REAL_GIT = Bun.which('git') ?? 'git'
const GIT_ENV = { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' }

export function git(dir: string, ...args: string[]): string {
  const done = Bun.spawnSync(['git', '-c', 'user.name=T', '-c', 'user.email=t@localhost', ...args], { cwd: dir, env: GIT_ENV })
  if (done.exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${done.stderr.toString()}`)
  return done.stdout.toString().trim()
}

/** What a case would have to make again: a repository, and the program as one file, which starts faster. */
export type Template = { root: string; dir: string; program: string }

export async function makeTemplate(): Promise<Template> {
  const root = mkdtempSync(join(tmpdir(), 'ralph-crash-template-'))
  const built = await Bun.build({ entrypoints: [resolve(import.meta.dir, 'crash-life.ts')], target: 'bun', outdir: root })
  if (!built.success) throw new Error(built.logs.join('\n'))
  const dir = join(root, 'checkout')
  mkdirSync(dir)
  writeFileSync(join(dir, 'a.txt'), 'a\n')
  git(dir, 'init', '--quiet', '--initial-branch=main', '--template=')
  git(dir, 'add', '--all')
  git(dir, 'commit', '--quiet', '--message=base')
  return { root, dir, program: join(root, 'crash-life.js') }
}

export function makeStage(template: Template): Stage {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'ralph-crash-')))
  const stage = { root, program: template.program, dir: join(root, 'checkout'), notes: join(root, 'notes'), temporary: join(root, 'tmp'), path: `${join(root, 'bin')}:${GIT_ENV.PATH}` }
  for (const dir of [stage.notes, stage.temporary, join(root, 'bin')]) mkdirSync(dir)
  cpSync(template.dir, stage.dir, { recursive: true })
  writeFileSync(join(stage.dir, 'SPEC.md'), SPEC)
  return stage
}

/** A `git` that counts a step before each call (what comes after one comes before the next), and kills Ralph, its parent, when it is the n-th. */
function wrapGit(stage: Stage, killAt: number): void {
  const file = join(stage.root, 'bin', 'git')
  const note = (name: string): string => `'${join(stage.notes, name)}'`
  const kill = `read -r steps < ${note('steps')}; [ "\${#steps}" -ge ${killAt} ] && read -r ralph < ${note('pid')} && [ "$PPID" = "$ralph" ] && kill -KILL "$ralph" && exit 137`
  const step = [`printf . >> ${note('steps')}`, ...(killAt > 0 ? [kill] : [])].join('\n')
  writeFileSync(file, `#!/bin/sh\n${step}\nexec '${REAL_GIT}' "$@"\n`)
  chmodSync(file, 0o755)
}

/** One life of Ralph with a scripted agent, to its end. */
export async function live(stage: Stage, scenario: Scenario, kill: Kill): Promise<Lived> {
  const killAt = kill.at === 'step' ? kill.step : 0
  writeFileSync(join(stage.notes, 'steps'), '')
  if (kill.at === 'step' || kill.at === 'count') wrapGit(stage, killAt)
  else rmSync(join(stage.root, 'bin', 'git'), { force: true })
  const life: Life = { ...scenario, dir: stage.dir, notes: stage.notes, path: stage.path, killAt }
  return watch(stage, [stage.program, JSON.stringify(life)], {}, kill.at === 'time' ? kill.ms : null)
}

/** One life of any program in Ralph's place, to its end or so many milliseconds. */
export async function watch(stage: Stage, argv: readonly string[], env: Record<string, string>, killMs: number | null): Promise<Lived> {
  const began = performance.now()
  const child = Bun.spawn([process.execPath, ...argv], { cwd: stage.dir, env: { PATH: stage.path, TMPDIR: stage.temporary, ...env }, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const timer = killMs === null ? undefined : setTimeout(() => child.kill('SIGKILL'), killMs)
  const [out, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  clearTimeout(timer)
  const ms = performance.now() - began
  const stateFile = join(stage.dir, '.ai/ralph/state.json')
  const state = await loadState(stateFile)
  return {
    killed: child.signalCode === 'SIGKILL',
    exitCode: child.exitCode,
    lines: out.split('\n').slice(0, -1),
    stderr,
    state,
    stateTorn: state === null && existsSync(stateFile),
    ms,
    head: git(stage.dir, 'rev-parse', 'main'),
    uncommitted: uncommitted(stage, state),
    steps: statSync(join(stage.notes, 'steps'), { throwIfNoEntry: false })?.size ?? 0,
    prompts: linesOf(join(stage.notes, 'prompts')).length,
  }
}

/** The names of the files that the agent finished writing, in all lives. */
export const written = (stage: Stage): string[] => linesOf(join(stage.notes, 'written'))

/** The agent can have moved the branch back: what Ralph committed is known by what it said, too. */
function uncommitted(stage: Stage, state: RunState | null): string[] {
  const said = eventsOf(stage).findLast((event) => event.event === 'iteration.finished' && event.commit !== null)
  const tips = new Set(['main', state?.head ?? 'main', said?.event === 'iteration.finished' ? (said.commit ?? 'main') : 'main'])
  const there = new Set([...tips].flatMap((tip) => git(stage.dir, 'ls-tree', '-r', '--name-only', tip).split('\n')))
  return written(stage).filter((name) => !there.has(name))
}

/** Events of the file; half lines, which a kill can leave, are passed over. */
export function eventsOf(stage: Stage): RalphEvent[] {
  return linesOf(join(stage.dir, '.ai/ralph/events.jsonl')).flatMap((line) => {
    try {
      return [RalphEvent.parse(JSON.parse(line))]
    } catch {
      return []
    }
  })
}

/** What a run must not leave behind, by path. */
export function litter(stage: Stage): string[] {
  const list = (dir: string): string[] => (existsSync(dir) ? readdirSync(dir, { recursive: true, encoding: 'utf8' }) : [])
  return [
    ...list(stage.temporary).filter((name) => name.startsWith('ralph-')).map((name) => `tmp/${name}`),
    ...list(join(stage.dir, '.git/worktrees')).map((name) => `.git/worktrees/${name}`),
    ...list(join(stage.dir, '.git')).filter((name) => name.endsWith('.lock')),
    ...list(join(stage.dir, '.ai/ralph')).filter((name) => !['state.json', 'events.jsonl'].includes(name)),
  ]
}

export function linesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
}
