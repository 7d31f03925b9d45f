import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { must } from '@factory/gateway/testing'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGit, type Git } from '../git/git.ts'
import { createSetupCache } from './cache.ts'
import { setupCommand } from './command.ts'
import { leftovers, setUp, type SetupResult } from './setup.ts'

const ENV = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
let dir: string
let counter: string
let root: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'setup-'))
  counter = join(dir, 'count')
  root = join(dir, 'cache')
})
afterEach(() => rm(dir, { recursive: true, force: true }))

async function makeCheckout(name: string, files: Record<string, string> = {}): Promise<Git> {
  const at = join(dir, name)
  await must(dir, ['init', '-q', at])
  for (const [path, text] of Object.entries({ 'package-lock.json': '{}', '.gitignore': 'deps/\n', ...files })) await Bun.write(join(at, path), text)
  await must(at, ['add', '.'])
  await must(at, ['commit', '-qm', 'x'])
  return createGit({ dir: at, basicEnv: ENV, gatewayUrl: 'http://127.0.0.1', token: 't' })
}

/** Installs two packages and writes down that it ran. */
const install = () => `echo x >> ${counter} && mkdir -p deps/a && echo one > deps/a/index && echo made > loose.txt && ln -s a deps/link`
const runs = async () => (existsSync(counter) ? (await Bun.file(counter).text()).trim().split('\n').length : 0)
const go = (git: Git, commands: readonly string[] = [install()], maxBytes = 1e9, minutes = 1): Promise<SetupResult> =>
  setUp({ git, commands, cache: createSetupCache({ root, maxBytes, env: ENV, now: () => new Date() }), minutes, env: ENV, now: Date.now })

describe('the setup cache', () => {
  test('a second checkout with the same lock file gets the same files without running anything', async () => {
    const one = await makeCheckout('one')
    expect(await go(one)).toMatchObject({ ok: true, cached: false })
    expect(await leftovers(one)).toEqual(['loose.txt'])
    const two = await makeCheckout('two')
    expect(await go(two)).toMatchObject({ ok: true, cached: true })
    expect(await runs()).toBe(1)
    expect(await Bun.file(join(two.dir, 'deps/a/index')).text()).toBe('one\n')
    expect(await Bun.file(join(two.dir, 'deps/link/index')).text()).toBe('one\n')
    expect(await Bun.file(join(two.dir, 'loose.txt')).text()).toBe('made\n')
  })

  test('another lock file, wherever it is, or another command runs the setup again', async () => {
    await go(await makeCheckout('one'))
    await go(await makeCheckout('two', { 'package-lock.json': '{"v":2}' }))
    expect(await runs()).toBe(2)
    await go(await makeCheckout('three', { 'packages/x/package.json': '{}' }))
    expect(await runs()).toBe(3)
    await go(await makeCheckout('four'), [install(), 'true'])
    expect(await runs()).toBe(4)
    await go(await makeCheckout('five', { 'src/a.ts': 'changed' }))
    expect(await runs()).toBe(4)
  })

  test('never carries a spec or our notes from one run to another', async () => {
    const one = await makeCheckout('one')
    await Bun.write(join(one.dir, '.git/info/exclude'), '/SPEC.md\n/.ai/\n')
    await go(one, [`${install()} && mkdir -p .ai && echo secret > .ai/x && echo spec > SPEC.md`])
    const two = await makeCheckout('two')
    expect(await go(two, [`${install()} && mkdir -p .ai && echo secret > .ai/x && echo spec > SPEC.md`])).toMatchObject({ cached: true })
    expect(existsSync(join(two.dir, 'SPEC.md')) || existsSync(join(two.dir, '.ai'))).toBe(false)
  })

  test('does not carry tracked files, so the checkout stays what git says', async () => {
    const one = await makeCheckout('one')
    const commands = [`${install()} && echo '{"rewritten":1}' > package-lock.json`]
    await go(one, commands)
    const two = await makeCheckout('two')
    expect(await go(two, commands)).toMatchObject({ cached: true })
    expect(await must(two.dir, ['diff', '--name-only'])).toBe('')
  })

  test('a setup that holds the checkout\'s path is not reused elsewhere', async () => {
    const commands = [`${install()} # python3 -m venv .venv`]
    await go(await makeCheckout('one'), commands)
    expect(await go(await makeCheckout('two'), commands)).toMatchObject({ cached: false })
  })

  test('a broken cache file is thrown away and the setup runs', async () => {
    await go(await makeCheckout('one'))
    const [name] = await readdir(root)
    await Bun.write(join(root, name ?? ''), 'not a tar file')
    expect(await go(await makeCheckout('two'))).toMatchObject({ ok: true, cached: false })
    expect(await runs()).toBe(2)
    expect(await go(await makeCheckout('three'))).toMatchObject({ cached: true })
  })

  test('is bounded: what was used longest ago goes first', async () => {
    const big = (index: number) => [`mkdir deps && head -c 300000 /dev/zero > deps/z && echo ${index}`]
    const max = 900_000
    for (const index of [1, 2]) await go(await makeCheckout(`c${index}`), big(index), max)
    const [first, second] = await readdir(root)
    if (!first || !second) throw new Error('nothing was cached')
    await utimes(join(root, first), new Date(1000), new Date(1000))
    await go(await makeCheckout('c3'), big(3), max)
    const left = await readdir(root)
    expect(left).toHaveLength(2)
    expect(left).toContain(second)
    expect(left).not.toContain(first)
    // One that would fill half of the cache is not kept at all.
    await go(await makeCheckout('c4'), ['mkdir deps && head -c 700000 /dev/zero > deps/z'], max)
    expect(await readdir(root)).toHaveLength(2)
  })

  test('says which command failed, how, and its last words', async () => {
    expect(await go(await makeCheckout('one'), ['true', 'echo to-out; echo to-err >&2; exit 4'])).toEqual({ ok: false, command: 'echo to-out; echo to-err >&2; exit 4', reason: 'ended with exit code 4', tail: 'to-out\n\nto-err' })
    expect(await go(await makeCheckout('two'), ['sleep 60'], 1e9, 0.003)).toMatchObject({ ok: false, reason: 'took longer than the 0.003 minutes that setup may take' })
    expect(existsSync(root)).toBe(false)
  })

  test('the command for a clean room works in a worktree, quotes and all', async () => {
    const git = await makeCheckout('one')
    const commands = [install(), `echo "it's" '$HOME' > loose.txt`]
    await go(git, commands)
    const room = join(dir, 'room')
    await must(git.dir, ['worktree', 'add', '-q', room, 'HEAD'])
    const command = setupCommand([process.execPath, join(import.meta.dir, '..', 'main.ts')], { cacheDir: root, cacheBytes: 1e9, minutes: 1, commands })
    const done = Bun.spawnSync(['/bin/sh', '-c', command], { cwd: room, env: { ...ENV, TMPDIR: dir } })
    expect(done.stdout.toString()).toContain('restored from the cache')
    expect(done.exitCode).toBe(0)
    expect(await runs()).toBe(1)
    expect(await Bun.file(join(room, 'loose.txt')).text()).toBe("it's $HOME\n")
    const failing = Bun.spawnSync(['/bin/sh', '-c', setupCommand([process.execPath, join(import.meta.dir, '..', 'main.ts')], { cacheDir: root, cacheBytes: 1e9, minutes: 1, commands: ['echo why; false'] })], { cwd: room, env: ENV })
    expect([failing.exitCode, failing.stdout.toString()]).toEqual([1, '$ echo why; false\nwhy\n"echo why; false" ended with exit code 1\n'])
    expect(Bun.spawnSync([process.execPath, join(import.meta.dir, '..', 'main.ts'), 'setup', '--nope'], { cwd: room, env: ENV }).exitCode).toBe(64)
  })
})
