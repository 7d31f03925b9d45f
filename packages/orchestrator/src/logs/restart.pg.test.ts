import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWith } from '@factory/rehearsal/testing'
import { afterAll, expect, test } from 'bun:test'
import { createProcessRuntime } from '../adapters/process-runtime/index.ts'
import { testDatabase, type TestDatabase } from '../db/testing.ts'
import { seedItem } from '../testing/seed.ts'
import { linesOf } from './lines.ts'

const directory = mkdtempSync(join(tmpdir(), 'factory-restart-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** A whole orchestrator, with a forge that knows nothing and a worker that counts until it is told to end. */
function orchestrator(url: string, runtime: object): Bun.Subprocess<'ignore', 'ignore', 'inherit'> {
  const source = (path: string) => JSON.stringify(join(import.meta.dir, '..', path))
  const env = { GITHUB_TOKEN: 'made-up', DATABASE_URL: url, ORCHESTRATOR_PORT: '0', DATA_DIR: directory, LEADER_SECONDS: '1', COOLDOWN_SECONDS: '0', MAX_LOSSES: '0', LOG_LEVEL: 'silent' }
  const program = `
    import { createProcessRuntime } from ${source('adapters/process-runtime/index.ts')}
    import { readConfig } from ${source('config.ts')}
    import { start } from ${source('index.ts')}
    import { fakeForge } from ${source('testing/fake-forge.ts')}
    await start(readConfig(${JSON.stringify(env)}), { runtime: createProcessRuntime(${JSON.stringify(runtime)}), forge: fakeForge() })`
  return Bun.spawn([process.execPath, '-e', program], { stdin: 'ignore', stdout: 'ignore', stderr: 'inherit' })
}

describeWith(['postgres'], 'an orchestrator that is killed', () => {
  test('leaves its worker running; the next one adopts it and goes on reading: every line is there once, the exit too', async () => {
    const db: TestDatabase = await testDatabase()
    const go = join(directory, 'go')
    const options = {
      instance: 'restart',
      dataDir: directory,
      command: ['/bin/sh', '-c', `i=0; while [ ! -e ${go} ]; do echo "line $i"; i=$((i+1)); sleep 0.002; done; echo "ended after $i"; exit 7`],
      gatewayUrl: 'http://127.0.0.1:1',
      claudeBin: '/nowhere/claude',
      ralphCommand: 'ralph',
      path: '/usr/local/bin:/usr/bin:/bin',
    }
    const text = async () => (await db.sql<{ text: string }[]>`select text from run_logs order by seq`).map((row) => row.text).join('')
    const until = async (what: string, look: () => Promise<boolean>) => {
      for (const deadline = Date.now() + 30_000; !(await look()); await Bun.sleep(20)) if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`)
    }
    const runtime = createProcessRuntime(options)
    await seedItem(db.sql)
    let running = orchestrator(db.url, options)
    try {
      for (let restart = 0; restart < 3; restart++) {
        const before = (await text()).length
        await until('more lines', async () => (await text()).length > before)
        running.kill('SIGKILL')
        await running.exited
        if (restart === 2) {
          // It ends while nobody is there.
          writeFileSync(go, '')
          await until('its end', async () => (await runtime.list())[0]?.status === 'exited')
        }
        if (restart < 2) running = orchestrator(db.url, options)
      }
      const [worker] = await runtime.list()
      const log = join(directory, 'workers', 'restart', worker?.name ?? '', 'log')
      const written = readFileSync(log, 'utf8')
      running = orchestrator(db.url, options)
      await until('the removal of the worker', async () => !existsSync(log))
      expect(await text()).toBe(written)
      const lines = linesOf(written)
      expect(lines.length).toBeGreaterThan(100)
      expect(lines).toEqual([...Array.from({ length: lines.length - 1 }, (_, index) => `line ${index}`), `ended after ${lines.length - 1}`])
      // One worker, one run: nothing was started anew by any of the four.
      expect(await db.sql`select status, outcome->>'message' as said from runs`).toMatchObject([{ status: 'lost', said: expect.stringContaining('exit code 7') }])
    } finally {
      running.kill('SIGKILL')
      await running.exited
      for (const { name } of await runtime.list()) await runtime.stop(name, { graceSeconds: 0 })
      await db.drop()
    }
  }, 120_000)
})
