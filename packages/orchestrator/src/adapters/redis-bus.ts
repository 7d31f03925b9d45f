import type { Logger } from '@factory/shared'
import type { EventBus } from '../ports/event-bus.ts'
import { createListeners } from './bus-listeners.ts'
import { answer, connectRedis } from './redis-connection.ts'

/** Messages between processes over Redis pub/sub. While Redis is away they are lost, as the port allows. */
export function createRedisBus(options: { url: string; logger: Logger }): EventBus {
  const { logger } = options
  const publisher = connectRedis(options.url, logger)
  // A connection that subscribes can do nothing else.
  const subscriber = connectRedis(options.url, logger)
  const listeners = createListeners(logger)
  subscriber.on('message', (channel: string, text: string) => listeners.deliver(channel, text))
  // Also after a first connection that failed, when the driver knows of no subscription to renew.
  subscriber.on('ready', () => {
    const channels = listeners.channels()
    if (channels.length > 0) subscriber.subscribe(...channels).catch((error: unknown) => logger.warn({ err: error }, 'subscriptions could not be renewed'))
  })

  return {
    kind: 'redis',
    async publish(channel, message) {
      try {
        await publisher.publish(channel, JSON.stringify(message))
      } catch (error) {
        // A hint: whoever needs certainty looks into PostgreSQL.
        logger.debug({ err: error, channel }, 'a message was not published')
      }
    },
    async subscribe(channel, listener) {
      const remove = listeners.add(channel, listener)
      try {
        await subscriber.subscribe(channel)
      } catch (error) {
        logger.warn({ err: error, channel }, 'subscribed when Redis is back')
      }
      return async () => {
        remove()
        if (!listeners.channels().includes(channel)) await subscriber.unsubscribe(channel).catch(() => undefined)
      }
    },
    async ping() {
      await answer(publisher.ping())
    },
    close() {
      listeners.clear()
      publisher.disconnect()
      subscriber.disconnect()
      return Promise.resolve()
    },
  }
}
