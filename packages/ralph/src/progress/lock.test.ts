import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRunning, PATH, until } from '../testing.ts'
import { LOCK_RACER } from '../testing/lock-racer.ts'
import { readHolder, takeLock, type Holder } from './lock.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let dir: string
let file: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ralph-lock-'))
  file = join(dir, 'lock')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const holderOf = (pid: number, started = 'then'): string => JSON.stringify({ pid, started, run: 'old', token: crypto.randomUUID() } satisfies Holder)
/** No process has an id as high as this. */
const NOBODY = 2 ** 30

describe('the lock', () => {
  test('is one', async () => {
    const first = await takeLock(file, 'a')
    expect(first).toMatchObject({ tookOver: false })
    expect(await takeLock(file, 'b')).toMatchObject({ heldBy: { pid: process.pid, run: 'a' } })
    expect(await readHolder(file)).toMatchObject({ run: 'a' })
    if ('release' in first) await first.release()
    expect(await readHolder(file)).toBeNull()
    expect(await takeLock(file, 'b')).toMatchObject({ tookOver: false })
  })

  test.each<[string, () => string]>([
    ['of a process that is gone', () => holderOf(NOBODY)],
    ['of a process whose id another one has now', () => holderOf(process.pid)],
    ['of the format before', () => JSON.stringify({ pid: NOBODY, started: '1', run: 'old' })],
    ['that is empty', () => ''],
    ['that is half written', () => '{"pid":1'],
    ['whose token would be a path', () => JSON.stringify({ pid: NOBODY, started: '', run: '', token: '../../x' })],
  ])('%s is taken over', async (_name, text) => {
    writeFileSync(file, text())
    expect(await takeLock(file, 'new')).toMatchObject({ tookOver: true })
    expect(await readHolder(file)).toMatchObject({ pid: process.pid, run: 'new' })
    expect(readdirSync(dir)).toEqual(['lock'])
  })

  test('of a process that is dead and was not waited for is taken over', async () => {
    // A shell that starts a holder and then becomes a program that waits for nobody.
    const child = Bun.spawn(['bash', '-c', `"${process.execPath}" "${LOCK_RACER}" "${file}" hold & echo $! > "${file}.pid"; exec sleep 300`], { env: { PATH }, stdout: 'ignore', stderr: 'ignore' })
    try {
      await until(() => existsSync(file))
      const pid = Number(readFileSync(`${file}.pid`, 'utf8'))
      expect(await takeLock(file, 'b')).toMatchObject({ heldBy: { pid } })
      process.kill(pid, 'SIGKILL')
      await until(() => !isRunning(pid))
      expect(existsSync(`/proc/${pid}`)).toBe(true)
      expect(await takeLock(file, 'b')).toMatchObject({ tookOver: true })
    } finally {
      child.kill('SIGKILL')
    }
  })

  test('of a dead heir of a dead holder is taken over, too', async () => {
    const [root, heir] = [crypto.randomUUID(), crypto.randomUUID()]
    writeFileSync(file, JSON.stringify({ pid: NOBODY, started: '', run: 'one', token: root }))
    writeFileSync(`${file}.${root}.heir`, JSON.stringify({ pid: NOBODY, started: '', run: 'two', token: heir }))
    expect(await takeLock(file, 'three')).toMatchObject({ tookOver: true })
    expect(readdirSync(dir)).toEqual(['lock'])
  })

  test('is not let go by one that does not hold it any more', async () => {
    const first = await takeLock(file, 'a')
    writeFileSync(file, holderOf(NOBODY))
    await takeLock(file, 'b')
    if ('release' in first) await first.release()
    expect(await readHolder(file)).toMatchObject({ run: 'b' })
  })
})

describe('a race for the lock of a dead holder', () => {
  test('has one winner, however many run at once', async () => {
    for (let round = 0; round < 150; round += 1) {
      writeFileSync(file, round % 3 === 0 ? '' : holderOf(NOBODY))
      const all = await Promise.all(Array.from({ length: 12 }, (_, index) => takeLock(file, String(index))))
      const winners = all.filter((one) => 'release' in one)
      expect(winners).toHaveLength(1)
      expect(readdirSync(dir)).toEqual(['lock'])
      for (const winner of winners) await winner.release()
    }
  })

  test('has never two holders, while processes hold, let go and die holding', async () => {
    const children = Array.from({ length: 6 }, () => Bun.spawn([process.execPath, LOCK_RACER, file, 'race', join(dir, 'inside'), join(dir, 'taken')], { env: { PATH }, stdout: 'pipe', stderr: 'pipe' }))
    const all = await Promise.all(children.map(async (child) => ({ said: (await new Response(child.stdout).text()) + (await new Response(child.stderr).text()), code: await child.exited })))
    expect(all.map((one) => one.said).join('')).toBe('')
    expect(all.map((one) => one.code)).toEqual(all.map(() => 0))
    expect(readFileSync(join(dir, 'taken'), 'utf8').length).toBeGreaterThanOrEqual(400)
  })
})
