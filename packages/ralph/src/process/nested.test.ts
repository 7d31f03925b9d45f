import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readEnvironment } from '../config.ts'
import { readHolder } from '../progress/lock.ts'
import { isRunning, makeRepo, PATH, type Repo, until } from '../testing.ts'
import { keyOf, MARKER, prefixOf } from './marker.ts'
import { sweep } from './sweep.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

const MAIN = resolve(import.meta.dir, '../main.ts')
const SPEC = '# T\n\n- [ ] the only task\n'

const repos: Repo[] = []
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ralph-nested-'))
})
afterEach(async () => {
  for (const repo of repos.splice(0)) {
    await sweep(prefixOf(keyOf(repo.dir)))
    await repo.remove()
  }
  rmSync(folder, { recursive: true, force: true })
})

function program(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, `#!/bin/sh\n${text}\n`)
  chmodSync(file, 0o755)
  return file
}

async function checkout(): Promise<Repo> {
  const repo = await makeRepo({ 'a.txt': 'a' })
  await repo.write({ 'SPEC.md': SPEC })
  repos.push(repo)
  return repo
}

const ralph = (repo: Repo, ...args: string[]) => Bun.spawn([process.execPath, MAIN, ...args], { cwd: repo.dir, env: { PATH, TMPDIR: folder }, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })

test('the marker of an outer Ralph reaches the agent and the checks, and is no marker where there is none', () => {
  const inner = readEnvironment({ PATH, [MARKER]: 'outer.1' })
  expect([inner.agent[MARKER], inner.command[MARKER]]).toEqual(['outer.1', 'outer.1'])
  expect(readEnvironment({ PATH }).agent).not.toHaveProperty(MARKER)
})

test('a Ralph that an agent started elsewhere, and its agent, end with the killed outer one', async () => {
  const [outer, inner] = [await checkout(), await checkout()]
  const pid = join(folder, 'pid')
  const innerAgent = program('inner', `(setsid sh -c 'echo $$ > "${pid}"; exec sleep 300' &); sleep 300`)
  const outerAgent = program('outer', `cd "${inner.dir}" && "${process.execPath}" "${MAIN}" run --claude "${innerAgent}" --verify true & wait`)

  const first = ralph(outer, 'run', '--claude', outerAgent, '--verify', 'true')
  await until(() => existsSync(pid) && readFileSync(pid, 'utf8').endsWith('\n'))
  const sleeper = Number(readFileSync(pid, 'utf8'))
  const held = await readHolder(join(inner.dir, '.ai/ralph/lock'))
  first.kill('SIGKILL')
  await first.exited
  expect([isRunning(held?.pid ?? 0), isRunning(sleeper)]).toEqual([true, true])

  const head = outer.git('rev-parse', 'HEAD')
  await ralph(outer, 'verify', '--base', head, '--head', head, '--verify', 'true').exited
  await until(() => !isRunning(held?.pid ?? 0) && !isRunning(sleeper))
  expect(await readHolder(join(inner.dir, '.ai/ralph/lock'))).toBeNull()
})
