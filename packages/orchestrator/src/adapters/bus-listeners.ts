import type { Logger } from '@factory/shared'

export type Listener = (message: unknown) => void

/** Who listens in this process. One listener's error never reaches another, nor the publisher. */
export function createListeners(logger: Logger) {
  const channels = new Map<string, Set<{ listener: Listener }>>()
  return {
    /** Returns the function that takes it off again. */
    add(channel: string, listener: Listener): () => void {
      // The same function may listen twice; each subscription is its own.
      const entry = { listener }
      const entries = channels.get(channel) ?? new Set()
      channels.set(channel, entries.add(entry))
      return () => {
        entries.delete(entry)
        if (entries.size === 0 && channels.get(channel) === entries) channels.delete(channel)
      }
    },
    deliver(channel: string, text: string): void {
      const entries = channels.get(channel)
      if (!entries) return
      for (const { listener } of entries) {
        try {
          // Parsed for each, so that none can change what the next one gets.
          listener(JSON.parse(text))
        } catch (error) {
          logger.warn({ err: error, channel }, 'a message could not be delivered')
        }
      }
    },
    channels: (): string[] => [...channels.keys()],
    clear: () => channels.clear(),
  }
}
