import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createBareRepo, gitBackend } from '@factory/gateway/testing'
import { PauseRequest } from '@factory/shared'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { RUN_TOKEN, startLine, type Line } from '../testing/line.ts'
import type { WorkerOverrides } from '../work.ts'

let line: Line
beforeEach(async () => {
  line = await startLine(gitBackend)
  await createBareRepo(line.repos, 'acme/shop', { 'hello.ts': 'export const hello = 1\n' })
})
let running: Promise<number> | null = null
afterEach(async () => {
  line.stop.stop({ kind: 'fenced', reason: 'test is over' })
  await running
  running = null
  await line.end()
})

type Said = { code: number; out: string }
/** Runs a build whose Ralph goes on, and gives its `--before-edit` command as Ralph would run it: in the checkout, with Ralph's environment. */
async function beforeEdit(overrides: WorkerOverrides = {}): Promise<(path: string, env?: Record<string, string>) => Promise<Said>> {
  running = line.run([{ write: 'a.ts', text: '1' }, { iterate: 1 }, { waitFor: join(line.dir, 'never') }], {}, overrides)
  await line.stub.until(({ heartbeats }) => heartbeats.some(({ headSha }) => headSha !== undefined))
  const { argv, env } = await line.called()
  const command = argv.find((word) => word.startsWith('--before-edit='))?.slice('--before-edit='.length) ?? 'exit 70'
  return async (path, more = {}) => {
    const child = Bun.spawn(['/bin/sh', '-c', command, 'before-edit', path], { cwd: line.workspace, env: { ...env, ...more }, stdout: 'pipe', stderr: 'pipe' })
    const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
    return { code, out: out + err }
  }
}

describe('the lock of a file, asked for by Ralph', () => {
  test('is taken, or held by somebody else, by the protocol', async () => {
    const ask = await beforeEdit()
    line.stub.held = ['their ü.ts']
    expect(await ask('src/a b "$HOME" ü.ts')).toEqual({ code: 0, out: '' })
    expect(await ask('--path')).toEqual({ code: 0, out: '' })
    expect(line.stub.said.locked).toEqual(['src/a b "$HOME" ü.ts', '--path'])
    expect(await ask('their ü.ts')).toEqual({ code: 1, out: 'held by run 5 of item 2 since 2026-01-01T00:00:00.000Z\n' })
    expect(line.stub.said.refused).toEqual([])
  })

  test('a path that the protocol does not take is nobody\'s to lock', async () => {
    const ask = await beforeEdit()
    for (const path of ['a\nb.ts', 'x'.repeat(1001)]) expect(await ask(path)).toMatchObject({ code: 1, out: expect.stringContaining('cannot lock a path like this') })
    expect(line.stub.said.locked).toEqual([])
  })

  test('cannot be asked when nobody answers, or the run has no say any more', async () => {
    const ask = await beforeEdit()
    line.stub.away = true
    expect(await ask('a.ts')).toMatchObject({ code: 2 })
    line.stub.away = false
    const wrong = await ask('a.ts', { ANTHROPIC_API_KEY: 'frt_7_wrong_wrong_wrong_wrong' })
    expect(wrong.code).toBe(2)
    expect((await ask('a.ts', { ANTHROPIC_API_KEY: '' })).code).toBe(2)
    await line.stub.stop()
    expect(await ask('a.ts')).toMatchObject({ code: 2 })
  })

  test('one that is told as stale has the worker look, and end', async () => {
    const ask = await beforeEdit()
    line.stub.refuse = 'stale_token'
    const answer = await ask('a.ts')
    // or the worker that it warned has ended it, with everything of the run, before it could say so
    if (answer.code !== 137) expect(answer).toMatchObject({ code: 2, out: expect.stringContaining('stale_token') })
    // Its next heartbeat would come in twenty seconds.
    expect(await running).toBe(3)
    expect(line.stub.said.endings).toEqual([])
  })

  test('a lock that was granted is not told as ours while the worker is not trusted, or does not answer', async () => {
    let ahead = 0
    const ask = await beforeEdit({ clocks: { mono: () => performance.now() + ahead, wall: Date.now } })
    line.stub.down = ['heartbeat']
    ahead = 101_000
    expect(await ask('b.ts')).toEqual({ code: 2, out: "the run's lease is in doubt; nobody may act on its locks now\n" })
    expect(line.stub.said.locked).toEqual(['b.ts'])
    line.stub.down = []
    // a heartbeat that was on its way while nobody answered may still fail
    let answer = await ask('b.ts')
    for (let tries = 0; answer.code !== 0 && tries < 20; tries++) answer = await ask('b.ts')
    expect(answer).toEqual({ code: 0, out: '' })
  })

  test('a store that is away for a moment is asked again', async () => {
    const ask = await beforeEdit()
    line.stub.refuse = 'unavailable'
    let looks = 0
    const asked = ask('a.ts')
    // looked at once now, and then after each call
    await line.stub.until(() => looks++ > 0)
    line.stub.refuse = null
    expect(await asked).toEqual({ code: 0, out: '' })
    expect(line.stub.said.locked).toEqual(['a.ts'])
  })

  test('neither a proxy nor what lies in the checkout comes into it', async () => {
    const ask = await beforeEdit()
    await Bun.write(join(line.workspace, 'first.ts'), `await Bun.write('${line.dir}/ran', process.env.ANTHROPIC_API_KEY ?? '')\nprocess.exit(0)\n`)
    await Bun.write(join(line.workspace, 'bunfig.toml'), 'preload = ["./first.ts"]\n')
    await Bun.write(join(line.workspace, '.env'), 'FACTORY_RUN_TOKEN=wrong\nHTTP_PROXY=http://127.0.0.1:1\n')
    line.stub.held = ['a.ts']
    expect(await ask('a.ts', { HTTP_PROXY: 'http://127.0.0.1:1', http_proxy: 'http://127.0.0.1:1', NO_PROXY: '', no_proxy: '' })).toMatchObject({ code: 1 })
    expect(existsSync(join(line.dir, 'ran'))).toBe(false)
  })

  test('adds no secret to what Ralph and its agent have', async () => {
    await line.run([{ finish: 11, reason: 'limit' }])
    const { argv, env } = await line.called()
    expect(argv.join(' ')).not.toContain(RUN_TOKEN)
    expect(Object.keys(env).filter((name) => name.startsWith('FACTORY_'))).toEqual([])
  })

  test('a run that ends with a lock conflict pauses', async () => {
    expect(await line.run([{ finish: 16, reason: 'nobody could be asked for the lock of a.ts' }])).toBe(0)
    expect(line.stub.said.endings).toHaveLength(1)
    expect(line.stub.said.endings[0]?.call).toBe('pause')
    expect(PauseRequest.parse(line.stub.said.endings[0]?.body).outcome).toMatchObject({ code: 'lock_conflict', message: 'nobody could be asked for the lock of a.ts' })
  })

  test('a spec run and a verify run ask for none', async () => {
    line.assign({ run: { id: 7, kind: 'spec', attempt: 1, token: 12 } })
    await line.run([{ finish: 13, reason: 'x' }])
    expect((await line.called()).argv.some((word) => word.startsWith('--before-edit'))).toBe(false)
  })
})
