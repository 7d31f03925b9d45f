import type { Logger } from '@factory/shared'
import type { EventBus } from '../ports/event-bus.ts'
import { createListeners } from './bus-listeners.ts'

/** Messages inside one process. */
export function createMemoryBus(logger: Logger): EventBus {
  const listeners = createListeners(logger)
  return {
    kind: 'memory',
    publish(channel, message) {
      // As over a wire: a copy, and after the publisher has gone on.
      const text = JSON.stringify(message)
      queueMicrotask(() => listeners.deliver(channel, text))
      return Promise.resolve()
    },
    subscribe(channel, listener) {
      const remove = listeners.add(channel, listener)
      return Promise.resolve(() => {
        remove()
        return Promise.resolve()
      })
    },
    ping: () => Promise.resolve(),
    close() {
      listeners.clear()
      return Promise.resolve()
    },
  }
}
