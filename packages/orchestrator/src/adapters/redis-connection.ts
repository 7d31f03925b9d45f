import { FactoryError, type Logger } from '@factory/shared'
import { Redis } from 'ioredis'

/** A live heartbeat waits for a lock; whoever waits longer than this should hear that Redis is away. */
const COMMAND_MS = 3000
const RECONNECT_MAX_MS = 500
/** A connection on which a command has no answer for so long is opened anew: its other end may be gone without a word. */
const SILENT_MS = 10_000

/** A connection that fails fast and comes back by itself. Left to its defaults the driver lets a command wait for minutes. */
export function connectRedis(url: string, logger: Logger): Redis {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: COMMAND_MS,
    commandTimeout: COMMAND_MS,
    maxRetriesPerRequest: 1,
    socketTimeout: SILENT_MS,
    keepAlive: 15_000,
    retryStrategy: (attempt) => Math.min(attempt * 50, RECONNECT_MAX_MS),
  })
  let away = false
  // Without a listener the driver prints every failed attempt; we say it once.
  redis.on('error', (error: unknown) => {
    if (!away) logger.warn({ err: error }, 'Redis is away')
    away = true
  })
  redis.on('ready', () => {
    if (away) logger.info('Redis is back')
    away = false
  })
  return redis
}

export async function answer<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    throw new FactoryError('unavailable', `Redis does not answer: ${error instanceof Error ? error.message : String(error)}`, [], { cause: error })
  }
}
