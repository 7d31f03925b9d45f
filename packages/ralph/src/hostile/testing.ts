import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentTask } from '../agents/agent.ts'
import { scriptedAgent, type Step } from '../agents/scripted.ts'
import { makeRepo, PATH, runRalph, type Given, type Ran, type Repo } from '../testing.ts'

/** For the tests of hostile and careless repositories: a repository with one task, and ways to look at what became of it. */
export const SPEC = '# Greet\n\n- [ ] write greeting.txt with a greeting\n'

export async function makeHostile(files: Record<string, string> = { 'a.txt': 'a\n' }): Promise<Repo> {
  const repo = await makeRepo(files)
  await repo.write({ 'SPEC.md': SPEC })
  return repo
}

export const put = (task: Pick<AgentTask, 'dir'>, path: string, text: string | Uint8Array): void => writeFileSync(join(task.dir, path), text)
export const tick = (task: Pick<AgentTask, 'dir'>): void => put(task, 'SPEC.md', readFileSync(join(task.dir, 'SPEC.md'), 'utf8').replace('- [ ]', '- [x]'))

/** An honest agent: writes the greeting and ticks its box, after whatever else is wanted. */
export const greet =
  (more: (task: AgentTask) => unknown = () => undefined): Step =>
  async (task) => {
    await more(task)
    put(task, 'greeting.txt', 'hello\n')
    tick(task)
  }

export const CHECK = { verify: ['test "$(cat greeting.txt)" = hello', 'true'] }
export const ralph = (repo: Repo, steps: Step[] = [greet()], given: Partial<Given> = {}): Promise<Ran> => runRalph(repo, { agent: scriptedAgent(steps), ...given, options: { ...CHECK, ...given.options } })

/** Paths that the commits of a run changed, against where it began. */
export const changed = (repo: Repo, since: string): string[] => repo.git('diff', '--name-only', '-z', since, 'HEAD').split('\0').filter(Boolean).sort()

/** What Ralph told about a run in words. */
export const said = (ran: Ran): string => ran.of('agent.activity').map((event) => event.summary).join('\n')

/** A place outside of the repository where a program leaves its name when it runs. */
export function makeTrap(): { dir: string; program: (name: string, then?: string) => string; sprung: (name: string) => boolean; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'ralph-trap-'))
  const file = (name: string): string => join(dir, name)
  return {
    dir,
    program(name, then = 'exit 0') {
      const path = file(`${name}.sh`)
      writeFileSync(path, `#!/bin/sh\n: > "${file(name)}"\n${then}\n`, { mode: 0o755 })
      return path
    },
    sprung: (name) => existsSync(file(name)),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** Runs a shell command for a test's arrangement. */
export function sh(dir: string, command: string): string {
  const done = Bun.spawnSync(['bash', '-euc', command], { cwd: dir, env: { PATH, HOME: '/nonexistent', GIT_AUTHOR_NAME: 'T', GIT_AUTHOR_EMAIL: 't@localhost', GIT_COMMITTER_NAME: 'T', GIT_COMMITTER_EMAIL: 't@localhost', GIT_CONFIG_COUNT: '2', GIT_CONFIG_KEY_1: 'safe.directory', GIT_CONFIG_VALUE_1: '*', GIT_CONFIG_KEY_0: 'protocol.file.allow', GIT_CONFIG_VALUE_0: 'always' } })
  if (done.exitCode !== 0) throw new Error(`${command}: ${done.stderr.toString()}`)
  return done.stdout.toString().trim()
}
