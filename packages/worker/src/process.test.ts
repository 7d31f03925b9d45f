import { afterEach, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Halted } from './halt.ts'
import { run } from './process.ts'
import { selectOfRun } from './sweep.ts'

const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
const daemons: number[] = []
afterEach(() => {
  for (const pid of daemons.splice(0)) process.kill(pid, 'SIGKILL')
})

test('a daemon in a session of its own, which holds the pipes open, holds nobody up', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'process-'))
  try {
    const pidFile = join(dir, 'pid')
    const done = await run(['/bin/sh', '-c', `setsid sh -c 'echo $$ > ${pidFile}; exec sleep 1000' & while ! test -s ${pidFile}; do sleep 0.01; done; echo said; exit 3`], { cwd: dir, env })
    daemons.push(Number(await readFile(pidFile, 'utf8')))
    expect(done).toMatchObject({ code: 3, stdout: 'said\n', timedOut: false })
    expect(existsSync(`/proc/${daemons[0] ?? 0}`)).toBe(process.platform === 'linux')
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}, 20_000)

test('all that was said is there, however much it is', async () => {
  const done = await run(['/bin/sh', '-c', 'head -c 5000000 /dev/zero; echo end'], { cwd: '/', env, keepBytes: 10_000_000 })
  expect(done.stdout).toHaveLength(5_000_004)
})

test.each([['cancelled', 7], ['fenced', null]] as const)('a program that is %s ends with %p: a fence does not ask', async (kind, code) => {
  const dir = await mkdtemp(join(tmpdir(), 'process-'))
  try {
    const controller = new AbortController()
    const running = run(['/bin/sh', '-c', 'trap "echo asked; exit 7" TERM; touch ready; while :; do sleep 0.01; done'], { cwd: dir, env, signal: controller.signal })
    while (!existsSync(join(dir, 'ready'))) await new Promise((resolve) => setImmediate(resolve))
    controller.abort(new Halted({ kind, reason: 'test' }))
    const done = await running
    expect(done.code).toBe(code)
    expect(done.stdout.includes('asked')).toBe(kind === 'cancelled')
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})

test('of a run is what has its directory for temporary files, and what descends from that', () => {
  const of = (pid: number, parent: number, ...environ: string[]) => ({ pid, parent, environ: environ.join('\0') })
  const processes = [of(1, 0), of(9, 1, 'TMPDIR=/tmp/worker-a'), of(5, 9), of(6, 5), of(7, 1, 'X=1', 'TMPDIR=/tmp/worker-a/deep'), of(8, 1, 'TMPDIR=/tmp/worker-ab'), of(10, 1, 'OTHER=TMPDIR=/tmp/worker-a'), of(11, 4), of(4, 1)]
  expect(selectOfRun(processes, { tmp: '/tmp/worker-a', root: null, self: 99 }).sort()).toEqual([5, 6, 7, 9])
  expect(selectOfRun(processes, { tmp: '/tmp/worker-a', root: 4, self: 6 }).sort((a, b) => a - b)).toEqual([4, 5, 7, 9, 11])
})
