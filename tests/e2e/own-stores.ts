import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from '../../packages/cli/src/stack/ports.ts'
import { docker, waitFor } from './factory.ts'

/** A store of the test alone, that it may end, freeze and start again. */
type OwnStore = {
  url: string
  /** As a crash does it: nothing is said to anybody. */
  kill(): Promise<void>
  /** Starts it again with what it kept; resolves when it takes connections. */
  start(): Promise<void>
  /** Every process of it stands still, and its connections stay open. */
  freeze(): Promise<void>
  thaw(): Promise<void>
  remove(): Promise<void>
}

const SERVER_IMAGE = 'factory-postgres:17'

/** A PostgreSQL in a container, the image of scripts/setup.sh, on a port that it keeps over restarts. */
export async function ownPostgres(options: { started?: boolean } = {}): Promise<OwnStore> {
  const port = await freePort()
  const name = `factory-own-postgres-${crypto.randomUUID().slice(0, 8)}`
  const run = ['-p', `127.0.0.1:${port}:5432`, '--shm-size', '64m', SERVER_IMAGE, '-c', 'fsync=off', '-c', 'full_page_writes=off']
  const answers = () => waitFor(async () => (await docker(['exec', name, 'pg_isready', '-q', '-h', '127.0.0.1', '-U', 'postgres'])) === '', () => 'PostgreSQL to answer')
  if (options.started ?? true) {
    await docker(['run', '-d', '--name', name, ...run])
    await answers()
  } else {
    await docker(['create', '--name', name, ...run])
  }
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    kill: async () => void (await docker(['kill', name])),
    async start() {
      await docker(['start', name])
      await answers()
    },
    freeze: async () => void (await docker(['pause', name])),
    thaw: async () => void (await docker(['unpause', name])),
    remove: async () => void (await docker(['rm', '-f', '-v', name])),
  }
}

/** A Redis of the test's own; it keeps nothing on disk, so that each start is an empty one. */
export async function ownRedis(): Promise<OwnStore & { flush(): Promise<void> }> {
  const port = await freePort()
  const dir = mkdtempSync(join(tmpdir(), 'factory-own-redis-'))
  let server: ChildProcess
  const ask = async <T>(what: (redis: Redis) => Promise<T>): Promise<T> => {
    const redis = new Redis(port, '127.0.0.1', { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null })
    redis.on('error', () => {})
    try {
      await redis.connect()
      return await what(redis)
    } finally {
      redis.disconnect()
    }
  }
  const start = async () => {
    server = spawn('redis-server', ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no', '--dir', dir], { stdio: 'ignore' })
    await waitFor(async () => (await ask((redis) => redis.ping())) === 'PONG', () => 'Redis to answer')
  }
  const kill = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const ended = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGKILL')
    await ended
  }
  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    kill,
    flush: async () => void (await ask((redis) => redis.flushall())),
    freeze: async () => void server.kill('SIGSTOP'),
    thaw: async () => void server.kill('SIGCONT'),
    async remove() {
      await kill()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
