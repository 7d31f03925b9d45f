import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fc from 'fast-check'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRunning, PATH, until } from '../testing.ts'
import { carries, keyOf, mark, MARKER, newMarker, prefixOf } from './marker.ts'
import { sweep } from './sweep.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

const started: number[] = []
const folders: string[] = []
afterEach(() => {
  for (const pid of started.splice(0)) if (isRunning(pid)) process.kill(pid, 'SIGKILL')
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A checkout nobody else has. */
const freshKey = (): string => keyOf(`/nowhere/${randomUUID()}`)

/** Starts a shell command that writes the ids of what it started to `$OUT`, and waits until there are so many. */
async function start(command: string, marker: string | null, count: number): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ralph-sweep-'))
  folders.push(folder)
  const out = join(folder, 'pids')
  const env: Record<string, string> = { PATH, OUT: out }
  const child = Bun.spawn(['bash', '-c', command], { env: marker === null ? env : mark(env, marker), detached: true, stdout: 'ignore', stderr: 'ignore' })
  started.push(child.pid)
  const pids = (): number[] => (existsSync(out) ? readFileSync(out, 'utf8').split('\n').slice(0, -1).map(Number) : [])
  await until(() => pids().length >= count)
  started.push(...pids())
  return pids()
}
const gone = (pids: readonly number[]): boolean => pids.every((pid) => !isRunning(pid))

describe('a marker', () => {
  const Environ = fc.dictionary(fc.stringMatching(/^[A-Z_]{1,8}$/), fc.stringMatching(/^[^\0]{0,12}$/), { maxKeys: 6 })
  const bytes = (env: Record<string, string>): Buffer => Buffer.from(Object.entries(env).map(([name, value]) => `${name}=${value}\0`).join(''))

  test('is found in any environment that carries it, and nowhere else', () => {
    fc.assert(
      fc.property(Environ, fc.string({ minLength: 1, maxLength: 8 }), fc.string({ minLength: 1, maxLength: 8 }), (env, one, other) => {
        const [mine, theirs] = [keyOf(one), keyOf(other)]
        const carried = bytes({ ...mark(env, newMarker(mine)), Z: '1' })
        expect(carries(carried, prefixOf(mine))).toBe(true)
        expect(carries(carried, prefixOf(theirs))).toBe(one === other)
        expect(carries(bytes(env), prefixOf(mine))).toBe(false)
      }),
    )
  })

  test('of an outer Ralph is handed on', () => {
    const [outer, inner] = [newMarker(freshKey()), newMarker(freshKey())]
    const both = bytes(mark(mark({}, outer), inner))
    expect(carries(both, outer)).toBe(true)
    expect(carries(both, inner)).toBe(true)
  })

  test.each([
    ['inside of another value', `X=${MARKER}=k.1\0`],
    ['as the end of another name', `X${MARKER}=k.1\0`],
    ['in the middle of a marker', `${MARKER}=x.k.1\0`],
    ['nowhere', ''],
  ])('is not one %s', (_name, text) => {
    expect(carries(Buffer.from(text), 'k.')).toBe(false)
  })
})

describe('a sweep', () => {
  test('ends what escaped into a session of its own, and what threw its environment away beneath it', async () => {
    const key = freshKey()
    const pids = await start('setsid bash -c \'echo $$ >> "$OUT"; O="$OUT"; env -i sh -c "echo \\$\\$ >> $O; exec /bin/sleep 300" & wait\' & wait', newMarker(key), 2)
    expect(pids.every(isRunning)).toBe(true)
    const swept = await sweep(prefixOf(key))
    expect(swept.left).toEqual([])
    expect(swept.ended).toBeGreaterThanOrEqual(3)
    await until(() => gone(pids))
  })

  test('ends one that goes on forking', async () => {
    const key = freshKey()
    await start('f() { setsid bash -c \'sleep 0.01; echo $$ >> "$OUT"; exec bash -c "$F"\' & }; export F=\'for i in 1 2 3; do setsid sleep 300 & done; echo $$ >> "$OUT"; exec sleep 300\'; f; f; f; wait', newMarker(key), 3)
    expect((await sweep(prefixOf(key))).left).toEqual([])
    expect(await sweep(prefixOf(key))).toEqual({ ended: 0, left: [] })
  })

  test('leaves other checkouts, other executions and processes without a marker alone', async () => {
    const [key, other] = [freshKey(), freshKey()]
    const [mine, second] = [newMarker(key), newMarker(key)]
    const command = 'echo $$ >> "$OUT"; exec sleep 300'
    const [ended] = [await start(command, mine, 1)]
    const spared = [...(await start(command, second, 1)), ...(await start(command, newMarker(other), 1)), ...(await start(command, null, 1))]
    await sweep(mine)
    await until(() => gone(ended))
    expect(spared.every(isRunning)).toBe(true)
  })

  test('of the outer Ralph ends the inner one and all of its processes; that of the inner one only its own', async () => {
    const [outer, inner] = [newMarker(freshKey()), newMarker(freshKey())]
    const command = 'echo $$ >> "$OUT"; exec sleep 300'
    const [agent, ralph] = [await start(command, outer, 1), await start(`export ${MARKER}=${outer}; ${command}`, null, 1)]
    const nested = await start(`export ${MARKER}=${outer},${inner}; setsid bash -c '${command}' & wait`, null, 1)
    await sweep(inner)
    await until(() => gone(nested))
    expect([...agent, ...ralph].every(isRunning)).toBe(true)
    await sweep(outer)
    await until(() => gone([...agent, ...ralph]))
  })

  test.skipIf(process.getuid?.() !== 0)("never touches another user's processes, though root could", async () => {
    const key = freshKey()
    const [other] = await start('exec 3>>"$OUT"; setpriv --reuid=65534 --clear-groups bash -c \'echo $$ >&3; exec sleep 300\' & wait', newMarker(key), 1)
    await sweep(prefixOf(key))
    expect(isRunning(other ?? 0)).toBe(true)
  })
})
