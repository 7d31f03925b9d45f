import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { ErrorBody, FactoryError, HTTP_STATUS, type RestoreReport } from '@factory/shared'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'

setDefaultTimeout(30_000)

const TOKEN = 'a-token-of-sixteen-or-more'
const rows = { work_items: 3, work_events: 1200 }
const WHOLE = gzipSync(
  [
    { format: 1, factory: '1.2.3', migrations: [{ version: 1, name: '001_initial.sql', checksum: 'x' }], at: '2026-03-01T12:00:00.000Z' },
    ...Array.from({ length: 50_000 }, (_none, index) => [String(index), crypto.randomUUID()]),
    { end: { rows, sha256: 'x' } },
  ]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join(''),
)
const REPORT: RestoreReport = { at: '2026-03-01T12:00:00.000Z', factory: '1.2.3', migrated: ['002_more.sql'], rows, requeued: [2] }

let folder: string
let sent: Uint8Array | null
let answer: () => Response
let server: ReturnType<typeof Bun.serve>
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'factory-cli-backup-'))
  sent = null
  answer = () => new Response(new Uint8Array(WHOLE))
  server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      if (request.headers.get('authorization') !== `Bearer ${TOKEN}`) return refuse(new FactoryError('unauthorized', 'nobody issued this token'))
      if (request.method === 'POST') sent = await request.bytes()
      return answer()
    },
  })
})
afterEach(async () => {
  await server.stop(true)
  rmSync(folder, { recursive: true, force: true })
})

const refuse = (error: FactoryError) => Response.json(error.toBody(), { status: HTTP_STATUS[error.code] })

async function factory(...args: string[]) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'main.ts'), ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', FACTORY_URL: `http://127.0.0.1:${server.port}`, FACTORY_TOKEN: TOKEN },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [bytes, err] = await Promise.all([new Response(child.stdout).bytes(), new Response(child.stderr).text()])
  return { code: await child.exited, bytes, out: new TextDecoder().decode(bytes), err }
}

describe('backup', () => {
  test('writes the file for its owner alone and says what is in it', async () => {
    const said = await factory('backup', 'save.gz')
    expect(said).toMatchObject({ code: 0, err: '' })
    expect(said.out).toContain('3 items, 1200 events')
    expect(await Bun.file(join(folder, 'save.gz')).bytes()).toEqual(new Uint8Array(WHOLE))
    expect(statSync(join(folder, 'save.gz')).mode & 0o777).toBe(0o600)
    const json = await factory('backup', '--json')
    const report: unknown = JSON.parse(json.out)
    expect(report).toMatchObject({ bytes: WHOLE.length, at: '2026-03-01T12:00:00.000Z', factory: '1.2.3', rows })
    expect(readdirSync(folder).toSorted()[0]).toMatch(/^factory-backup-.*\.ndjson\.gz$/)
  })

  test('to standard output it is the bytes and nothing else', async () => {
    const said = await factory('backup', '-')
    expect(said.code).toBe(0)
    expect(gunzipSync(said.bytes)).toEqual(gunzipSync(WHOLE))
    expect((await factory('backup', '-', '--json')).code).toBe(64)
  })

  test('one that broke off leaves the old file as it was and no half one', async () => {
    writeFileSync(join(folder, 'save.gz'), 'the old one')
    for (const broken of [WHOLE.subarray(0, -9), WHOLE.subarray(0, 5000), Buffer.alloc(0), gzipSync('{"half":true}\n')]) {
      answer = () => new Response(new Uint8Array(broken))
      const said = await factory('backup', 'save.gz')
      expect(said.code).toBe(1)
      expect(said.err).toContain('broke off')
    }
    const cut = createServer((socket) => {
      socket.once('data', () => socket.end(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n'), WHOLE])))
    })
    await new Promise<void>((resolve) => cut.listen(0, '127.0.0.1', resolve))
    const address = cut.address()
    const said = await factory('backup', 'save.gz', '--url', `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`)
    cut.close()
    expect(said).toMatchObject({ code: 1, err: expect.stringContaining('broke off') })
    expect(readdirSync(folder)).toEqual(['save.gz'])
    expect(await Bun.file(join(folder, 'save.gz')).text()).toBe('the old one')
  })

  test('exit codes: token, nobody there, a folder that is not there', async () => {
    expect((await factory('backup', 'x', '--token', 'wrong')).code).toBe(3)
    expect((await factory('backup', 'x', '--url', 'http://127.0.0.1:1')).code).toBe(4)
    expect((await factory('backup', 'none/x')).code).toBe(64)
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('restore', () => {
  test('sends the file as it is and says what became of it', async () => {
    writeFileSync(join(folder, 'save.gz'), WHOLE)
    answer = () => Response.json(REPORT)
    const said = await factory('restore', 'save.gz')
    expect(said).toMatchObject({ code: 0, err: '' })
    expect(said.out).toContain('Restored 3 items')
    expect(said.out).toContain('1 run was under way then; its item waits again')
    expect(said.out).toContain('002_more.sql')
    expect(sent).toEqual(new Uint8Array(WHOLE))
    expect(JSON.parse((await factory('restore', 'save.gz', '--json')).out)).toEqual(REPORT)
  })

  test('a refusal is told with its code', async () => {
    writeFileSync(join(folder, 'save.gz'), WHOLE)
    answer = () => refuse(new FactoryError('conflict', 'this factory has work items'))
    const said = await factory('restore', 'save.gz', '--json')
    expect(said.code).toBe(3)
    expect(ErrorBody.parse(JSON.parse(said.out)).error.code).toBe('conflict')
    answer = () => refuse(new FactoryError('unprocessable', 'the backup is damaged'))
    expect(await factory('restore', 'save.gz')).toMatchObject({ code: 1, err: expect.stringContaining('damaged') })
    expect((await factory('restore', 'none.gz')).code).toBe(64)
    expect((await factory('restore')).code).toBe(64)
  })
})
