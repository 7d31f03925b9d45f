import { afterEach, beforeEach, expect, test } from 'bun:test'
import { createBareRepo, gitBackend, must } from '@factory/gateway/testing'
import { describeWith } from '@factory/rehearsal/testing'
import { FailRequest, type Assignment, type VerifyReport } from '@factory/shared'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { FakeStep } from '../testing/fake-ralph.ts'
import { startLine, type Line } from '../testing/line.ts'
import { livingIn, startWorkerProcess } from '../testing/worker-process.ts'

const REF = 'refs/factory/wip/3/12'
const report: VerifyReport = { baseSha: 'a'.repeat(40), headSha: 'b'.repeat(40), base: [], head: [], findings: [], diff: { files: 1, insertions: 1, deletions: 0 }, passed: true, reason: 'all checks pass' }
const NO_SPACE = /^no space left on the worker's disk: .+/s

let line: Line
let bare: string
let disk: string
beforeEach(async () => {
  line = await startLine(gitBackend)
  disk = join(line.dir, 'disk')
  await mkdir(disk)
})
afterEach(() => line.end())

/** The real worker with a disk of this size at `disk`, which nobody else sees. */
async function onDisk(options: string, steps: readonly FakeStep[], env: Record<string, string> = {}): Promise<number | null> {
  const before = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"', 'sh', options, disk]
  const worker = await startWorkerProcess(line, steps, { before, env: { FACTORY_WORKSPACE: join(disk, 'workspace'), ...env } })
  const { code } = await worker.ended
  expect(livingIn(line.dir)).toEqual([])
  return code
}

function outcome() {
  expect(line.stub.said.refused).toEqual([])
  expect(line.stub.said.endings.map(({ call }) => call)).toEqual(['fail'])
  return FailRequest.parse(line.stub.said.endings[0]?.body).outcome
}

/** Repositories: small, and too large for a small disk. */
async function repository(files: Record<string, string> = {}, change: Partial<Assignment> = {}): Promise<void> {
  bare = await createBareRepo(line.repos, 'acme/shop', { 'hello.ts': 'export const hello = 1\n', ...files })
  line.assign(change)
}

describeWith(['mounts'], 'a worker on a disk that is full', () => {
  test('at the checkout', async () => {
    await repository({ 'large.txt': randomBytes(3_000_000).toString('hex') })
    expect(await onDisk('size=2m', [])).toBe(0)
    expect(outcome()).toMatchObject({ code: 'disk_full', message: expect.stringMatching(NO_SPACE) })
  })

  test('at the setup', async () => {
    await repository({ '.factory.yml': 'setup: ["dd if=/dev/zero of=big bs=64k count=1000"]\n' })
    expect(await onDisk('size=4m', [])).toBe(0)
    expect(outcome()).toMatchObject({ code: 'disk_full', message: expect.stringMatching(NO_SPACE) })
  })

  test('at the setup, whose program does not say why it failed', async () => {
    await repository({ '.factory.yml': 'setup: ["dd if=/dev/zero of=big bs=64k count=1000 2>/dev/null"]\n' })
    expect(await onDisk('size=4m', [])).toBe(0)
    expect(outcome().code).toBe('disk_full')
  })

  test('where not even a directory for temporary files has room', async () => {
    await repository()
    expect(await onDisk('size=1m,nr_inodes=1', [], { TMPDIR: disk })).toBe(0)
    expect(outcome()).toMatchObject({ code: 'disk_full', message: expect.stringMatching(NO_SPACE) })
  })

  test('under Ralph, filled by others: what was pushed stays, and so does what was committed', async () => {
    await repository()
    expect(await onDisk('size=8m', [{ write: 'a.ts', text: '1' }, { iterate: 1 }, { write: 'b.ts', text: '2' }, { iterate: 2 }, { fill: join(disk, 'others') }, { finish: 20, reason: 'events cannot be written to .ai/ralph/events.jsonl: ENOSPC: no space left on device, write; the run was stopped, its work is kept' }])).toBe(0)
    expect(outcome()).toMatchObject({ code: 'disk_full', message: expect.stringMatching(NO_SPACE) })
    expect((await must(bare, ['ls-tree', '--name-only', REF])).split('\n')).toEqual(['a.ts', 'b.ts', 'hello.ts'])
    expect(line.stub.said.endings[0]?.body.headSha).toBe(await must(bare, ['rev-parse', REF]))
  })

  test('under Ralph, filled by the run itself: a limit of the run, no loss of ours', async () => {
    await repository()
    expect(await onDisk('size=8m', [{ write: 'a.ts', text: '1' }, { iterate: 1 }, { fill: 'mine.bin' }, { finish: 10, reason: 'nothing works any more' }])).toBe(0)
    expect(outcome()).toMatchObject({ code: 'limit_reached', message: expect.stringContaining("the run filled the worker's disk itself") })
    expect(await must(bare, ['ls-tree', '--name-only', REF])).toContain('a.ts')
  })

  test('under a Ralph that dies of it', async () => {
    await repository()
    expect(await onDisk('size=8m', [{ write: 'a.ts', text: '1' }, { iterate: 1 }, { fill: join(disk, 'others') }, { write: 'b.ts', text: 'x'.repeat(100_000) }, { finish: 0 }])).toBe(0)
    expect(outcome()).toMatchObject({ code: 'disk_full', message: expect.stringMatching(NO_SPACE) })
    expect(await must(bare, ['ls-tree', '--name-only', REF])).toContain('a.ts')
  })

  test('at the last commit of verified work, filled by the run itself', async () => {
    await repository()
    expect(await onDisk('size=8m', [{ write: 'a.ts', text: '1' }, { iterate: 1 }, { fill: 'mine.bin' }, { finish: 0, report }])).toBe(0)
    expect(outcome()).toMatchObject({ code: 'limit_reached', message: expect.stringContaining("the run filled the worker's disk itself") })
  })

  test('at the last commit of verified work, filled by others', async () => {
    await repository()
    expect(await onDisk('size=8m', [{ write: 'a.ts', text: '1' }, { iterate: 1 }, { fill: join(disk, 'others') }, { finish: 0, report }])).toBe(0)
    expect(outcome()).toMatchObject({ code: 'disk_full', message: expect.stringMatching(NO_SPACE) })
    expect(await must(bare, ['ls-tree', '--name-only', REF])).toContain('a.ts')
  })

  const SETUP = { '.factory.yml': 'setup: ["dd if=/dev/zero of=deps bs=64k count=40"]\n', '.gitignore': 'deps\n' }

  test('of the cache: the setup is not kept, and nothing else happens', async () => {
    await repository(SETUP)
    expect(await onDisk('size=1m', [{ write: 'a.ts', text: '1' }, { iterate: 1 }, { finish: 0, report }], { FACTORY_WORKSPACE: line.workspace, FACTORY_CACHE_DIR: join(disk, 'cache') })).toBe(0)
    expect(line.stub.said.endings).toMatchObject([{ call: 'complete' }])
  })

  test('while a kept setup is unpacked: the kept one stays', async () => {
    await repository(SETUP)
    const cache = join(line.dir, 'cache')
    expect(await line.run([{ finish: 11, reason: 'limit' }], { FACTORY_CACHE_DIR: cache })).toBe(0)
    const [tar] = [...new Bun.Glob('*.tar').scanSync(cache)]
    line.stub.said.endings.length = 0
    expect(await onDisk('size=1500k', [], { FACTORY_CACHE_DIR: cache })).toBe(0)
    expect(outcome()).toMatchObject({ code: 'disk_full', message: expect.stringContaining('the cached setup could not be unpacked') })
    expect(existsSync(join(cache, tar ?? 'none'))).toBe(true)
  })
})
