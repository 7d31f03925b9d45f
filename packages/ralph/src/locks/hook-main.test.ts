import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BeforeEdit } from '../agents/agent.ts'
import { openGuard, type Guard } from './guard.ts'
import { managedSettings } from './managed.ts'
import { hookSettings } from './settings.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(30_000)

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
function folder(prefix = 'ralph hook ü '): string {
  const dir = mkdtempSync(join(tmpdir(), prefix))
  closers.push(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
async function guard(beforeEdit: BeforeEdit, dir = folder()): Promise<Guard> {
  const opened = await openGuard(dir, beforeEdit, join(dir, 'managed.json'))
  closers.push(() => opened.close())
  return opened
}
const call = (input: object, cwd = '/') => JSON.stringify({ hook_event_name: 'PreToolUse', tool_name: 'Write', cwd, tool_input: input })
type Said = { exitCode: number | null; stdout: string; stderr: string }

/** Runs the hook as Claude Code does: by a shell, the call on stdin. */
async function hook(env: Record<string, string>, stdin: string, cwd = folder()): Promise<Said> {
  const command = hookSettings().hooks.PreToolUse[0]?.hooks[0]?.command ?? ''
  const child = Bun.spawn(['/bin/sh', '-c', command], { cwd, env: { PATH: '/usr/bin:/bin', HOME: cwd, ...env }, stdin: new TextEncoder().encode(stdin), stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, exitCode] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { exitCode, stdout, stderr }
}
const expectNo = (said: Said, why: string) => {
  expect(said).toMatchObject({ exitCode: 2, stdout: '' })
  expect(said.stderr).toContain(why)
}

describe('the hook program', () => {
  test('a yes is silent; a no gives the reason to the model', async () => {
    const { env } = await guard(async (path) => (path.endsWith('a.ts') ? null : `no "${path}" ü\nline`))
    expect(await hook(env, call({ file_path: '/x/a.ts' }))).toEqual({ exitCode: 0, stdout: '', stderr: '' })
    const no = await hook(env, call({ file_path: '/x/b "ü"\n.ts' }))
    expect(JSON.parse(no.stdout)).toEqual({ hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'deny', permissionDecisionReason: 'no "/x/b "ü"\n.ts" ü\nline' } })
    expect(no.exitCode).toBe(0)
  })

  test.each([
    ['absolute', { file_path: '/x/../y/a.ts' }, '/y/a.ts'],
    ['relative to where the call was made', { file_path: 'src/a.ts' }, '/repo/src/a.ts'],
    ['a notebook', { notebook_path: '/x/a.ipynb' }, '/x/a.ipynb'],
    ['with a megabyte of content', { file_path: '/x/a.ts', content: 'ü'.repeat(500_000) }, '/x/a.ts'],
    ['as long as a path can be', { file_path: `/${'ü'.repeat(2000)}` }, `/${'ü'.repeat(2000)}`],
  ])('asks about the path: %s', async (_name, input, path) => {
    const asked: string[] = []
    const { env } = await guard(async (one) => {
      asked.push(one)
      return null
    })
    expect((await hook(env, call(input, '/repo'))).exitCode).toBe(0)
    expect(asked).toEqual([path])
  })

  test('a reason of any length comes whole', async () => {
    const { env } = await guard(async () => 'ü'.repeat(200_000))
    expect((await hook(env, call({ file_path: '/a' }))).stdout).toContain('ü'.repeat(200_000))
  })

  test.each([
    ['nothing on stdin', ''],
    ['garbage', 'garbage'],
    ['null', 'null'],
    ['no input', '{"tool_name":"Write"}'],
    ['no path', call({ content: 'x' })],
    ['a path that is none', call({ file_path: 7 })],
    ['a relative one without a folder', call({ file_path: 'a.ts' }, '')],
  ])('refuses what is no call: %s', async (_name, stdin) => {
    const { env } = await guard(async () => null)
    expectNo(await hook(env, stdin), 'refused')
  })

  test('refuses when Ralph is gone, was never there, or did not start this', async () => {
    const opened = await guard(async () => null)
    opened.close()
    expectNo(await hook(opened.env, call({ file_path: '/a' })), 'refused')
    expectNo(await hook({ RALPH_EDITS: 'ask', RALPH_EDIT_SOCKET: '/nonexistent/socket' }, call({ file_path: '/a' })), 'refused')
    expectNo(await hook({ RALPH_EDITS: 'ask' }, call({ file_path: '/a' })), 'not started by Ralph')
    expectNo(await hook({}, call({ file_path: '/a' })), 'not started by Ralph')
    expectNo(await hook({ RALPH_EDITS: 'Free' }, call({ file_path: '/a' })), 'not started by Ralph')
  })

  test('refuses when Ralph goes away in the middle', async () => {
    const asked = Promise.withResolvers<void>()
    const opened = await guard(() => {
      asked.resolve()
      return new Promise(() => undefined)
    })
    const said = hook(opened.env, call({ file_path: '/a' }))
    await asked.promise
    opened.close()
    expectNo(await said, 'no answer')
  })

  test.each([['garbage', 'garbage\n'], ['no word about it', '{}\n'], ['a number', '{"deny":0}\n'], ['an empty reason', '{"deny":""}\n'], ['half an answer', '{"deny":nu']])('refuses an answer that is none: %s', async (_name, answer) => {
    const socket = join(folder('r'), 's')
    const server: Server = createServer((client) => client.end(answer)).listen(socket)
    closers.push(() => server.close())
    expectNo(await hook({ RALPH_EDITS: 'ask', RALPH_EDIT_SOCKET: socket }, call({ file_path: '/a' })), 'refused')
  })

  test('where nobody needs to be asked it lets everything through', async () => {
    const dir = folder()
    const { env, settings } = await openGuard(dir, null, join(dir, 'managed.json'))
    expect({ env, settings }).toEqual({ env: { RALPH_EDITS: 'free' }, settings: {} })
    expect(await hook(env, 'whatever')).toEqual({ exitCode: 0, stdout: '', stderr: '' })
  })

  test('code that the repository or the agent wants Bun to load first is not loaded', async () => {
    const dir = folder()
    writeFileSync(join(dir, 'first.ts'), 'process.exit(0)\n')
    for (const name of ['bunfig.toml', '.bunfig.toml']) writeFileSync(join(dir, name), `preload = [${JSON.stringify(join(dir, 'first.ts'))}]\n`)
    writeFileSync(join(dir, '.env'), 'RALPH_EDITS=free\n')
    expectNo(await hook({}, call({ file_path: '/a' }), dir), 'not started by Ralph')
    expectNo(await hook({ BUN_OPTIONS: `--preload=${join(dir, 'first.ts')}`, BUN_INSPECT_PRELOAD: join(dir, 'first.ts') }, call({ file_path: '/a' }), dir), 'not started by Ralph')
  })
})

describe('the way to Ralph', () => {
  test('a folder that is too deep for a socket', async () => {
    const deep = join(folder(), 'd'.repeat(60), 'e'.repeat(60))
    await Bun.write(join(deep, 'x'), '')
    const { env } = await guard(async () => 'no', deep)
    expect((await hook(env, call({ file_path: '/a' }))).stdout).toContain('deny')
  })

  test('questions side by side, and one who hangs up', async () => {
    const opened = await guard(async (path) => path)
    const rude = await Bun.connect({ unix: opened.env['RALPH_EDIT_SOCKET'] ?? '', socket: { data: () => undefined } })
    rude.terminate()
    const said = await Promise.all(['/1', '/2', '/3'].map((path) => hook(opened.env, call({ file_path: path }))))
    expect(said.map(({ stdout }) => /Reason":"([^"]*)"/.exec(stdout)?.[1])).toEqual(['/1', '/2', '/3'])
  })

  test('settings of the machine that would drop our hook without a word are a problem', async () => {
    const dir = folder()
    const managed = join(dir, 'managed.json')
    const open = () => openGuard(dir, async () => null, managed)
    for (const [text, fine] of [['{"allowManagedHooksOnly": true}', false], ['{"disableAllHooks":true}', false], ['{"allowManagedHooksOnly": false}', true], [managedSettings(), true]] as const) {
      writeFileSync(managed, text)
      if (fine) (await open()).close()
      else await expect(open()).rejects.toThrow('managed-settings')
      chmodSync(managed, 0o644)
    }
  })
})
