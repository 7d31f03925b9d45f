import { freePort } from '../../../packages/cli/src/stack/ports.ts'
import { connect } from '../../../packages/orchestrator/src/db/connect.ts'
import { until } from '../until.ts'
import { docker } from './docker.ts'

export type OwnPostgres = {
  url: string
  /** The postmaster and all its children die at once and begin again with what the log kept. */
  crash(): Promise<void>
  remove(): Promise<void>
}

/**
 * A PostgreSQL that may be killed, in a container of its own on the host's network: a published port would
 * be another one after a restart. Without fsync, which matters only when the machine goes down with it;
 * with synchronous commits, since a commit that was answered must outlive the postmaster.
 */
export async function startPostgres(image: string): Promise<OwnPostgres> {
  const port = await freePort()
  const name = `factory-chaos-postgres-${crypto.randomUUID().slice(0, 8)}`
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'fsync=off', 'full_page_writes=off', 'synchronous_commit=on', 'max_connections=100']
  await docker('run', '-d', '--name', name, '--network', 'host', '--shm-size', '256m', image, ...settings.flatMap((setting) => ['-c', setting]))
  const url = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`
  const remove = async () => void (await docker('rm', '-f', '-v', name))
  try {
    await until(() => answers(url), () => 'PostgreSQL to answer', 30_000)
  } catch (error) {
    await remove()
    throw error
  }
  return {
    url,
    async crash() {
      await docker('kill', '-s', 'KILL', name)
      await docker('start', name)
    },
    remove,
  }
}

async function answers(url: string): Promise<boolean> {
  const db = connect(url, { max: 1, connectTimeoutSeconds: 1 })
  try {
    await db.sql`select 1`
    return true
  } finally {
    await db.close()
  }
}
