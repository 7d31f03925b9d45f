import { Redis } from 'ioredis'
import { pause, until } from '../until.ts'
import { freePort } from '../../../packages/cli/src/stack/ports.ts'

export type OwnRedis = {
  url: string
  flush(): Promise<void>
  /** Dies with all it holds, and is back, empty, after a while. */
  crash(awayMs: number): Promise<void>
  /** Keys that begin like this. */
  keys(pattern: string): Promise<string[]>
  stop(): Promise<void>
}

/** A Redis that may be killed: it keeps nothing on disk. */
export async function startRedis(): Promise<OwnRedis> {
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  const spawn = () => Bun.spawn(['redis-server', '--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
  let server = spawn()
  const ask = async <T>(question: (redis: Redis) => Promise<T>): Promise<T> => {
    const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null })
    redis.on('error', () => {})
    try {
      await redis.connect()
      return await question(redis)
    } finally {
      redis.disconnect()
    }
  }
  const ready = () => until(async () => (await ask((redis) => redis.ping())) === 'PONG', () => 'Redis to answer', 15_000)
  await ready()
  return {
    url,
    flush: async () => void (await ask((redis) => redis.flushall())),
    async crash(awayMs) {
      server.kill('SIGKILL')
      await server.exited
      await pause(awayMs)
      server = spawn()
      await ready()
    },
    keys: (pattern) => ask((redis) => redis.keys(pattern)),
    async stop() {
      server.kill('SIGKILL')
      await server.exited
    },
  }
}
