import { freePort } from '../packages/cli/src/stack/ports.ts'
import { connect } from '../packages/orchestrator/src/db/connect.ts'
import { seedItem } from '../packages/orchestrator/src/testing/seed.ts'
import { round, type Figure } from './figure.ts'
import { startOrchestrator, TOKEN, until } from './orchestrator-process.ts'

const ROUNDS = 3
/** Down for so long: the driver's waits between tries have grown by then. */
const AWAY_MS = 5000
/** As scripts/setup.sh builds it. */
const IMAGE = 'factory-postgres:17'

/**
 * PostgreSQL, in a container of our own, is killed and started again under a real orchestrator. Milliseconds
 * from its first answer until the API writes again and until waiting work is admitted; the worst of the rounds.
 */
export async function measureReturn(): Promise<Figure[]> {
  const name = `factory-bench-postgres-${process.pid}`
  const port = await freePort()
  const url = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`
  await docker('run', '-d', '--name', name, '-p', `127.0.0.1:${port}:5432`, IMAGE)
  try {
    await until(() => answers(url), 'PostgreSQL')
    const orchestrator = await startOrchestrator(url)
    try {
      const writes: number[] = []
      const admissions: number[] = []
      for (let turn = 0; turn < ROUNDS; turn++) {
        await docker('kill', name)
        await Bun.sleep(AWAY_MS)
        await docker('start', name)
        const back = await until(() => answers(url), 'PostgreSQL to be back')
        const wrote = until(() => write(orchestrator.url), 'the API to write')
        const admitted = firstAdmission(url)
        writes.push((await wrote) - back)
        admissions.push((await admitted) - back)
      }
      return [
        { name: `PostgreSQL back after ${AWAY_MS / 1000} s: until the API writes, worst of ${ROUNDS}`, value: round(Math.max(...writes)), unit: 'ms' },
        { name: 'the same, until waiting work is admitted', value: round(Math.max(...admissions)), unit: 'ms' },
      ]
    } finally {
      await orchestrator.kill('SIGKILL')
    }
  } finally {
    await docker('rm', '-f', '-v', name)
  }
}

/** By a connection of its own, so that no pool's waiting is measured. */
async function answers(url: string): Promise<boolean> {
  const { sql, close } = connect(url, { max: 1, connectTimeoutSeconds: 1 })
  try {
    await sql`select 1`
    return true
  } finally {
    await close()
  }
}

async function write(url: string): Promise<boolean> {
  const body = JSON.stringify({ repo: 'owner/name', description: 'Say hello' })
  const answer = await fetch(`${url}/api/work`, { method: 'POST', headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }, body })
  await answer.arrayBuffer()
  return answer.ok
}

async function firstAdmission(url: string): Promise<number> {
  const { sql, close } = connect(url, { max: 1 })
  try {
    const item = await seedItem(sql, { priority: 'critical' })
    return await until(async () => (await sql`select 1 from runs where item_id = ${item}`).length > 0, 'the item to be admitted')
  } finally {
    await close()
  }
}

async function docker(...args: string[]): Promise<void> {
  const child = Bun.spawn(['docker', ...args], { stdout: 'ignore', stderr: 'pipe' })
  const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new Error(`docker ${args[0]}: ${said.trim()}`)
}
