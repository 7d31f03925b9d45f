import type { PlannedItem } from '../plan.ts'
import { pause } from '../until.ts'
import type { World } from '../world/world.ts'

/** Asks for everything, several at a time and again until it was answered: asking twice is asking once. */
export async function askForAll({ clients }: Pick<World, 'clients'>, items: readonly PlannedItem[], giveUp: () => boolean): Promise<void> {
  let next = 0
  const ask = async (): Promise<void> => {
    for (let item = items[next++]; item; item = items[next++]) {
      const { sourceId, repo, priority, text } = item
      for (let tries = next; !giveUp(); tries += 1) {
        const answer = await clients[tries % clients.length]?.call('createWork', { body: { source: 'chaos', sourceId, repo, priority, ...text } }).catch(() => null)
        if (answer) break
        await pause(100)
      }
    }
  }
  await Promise.all(Array.from({ length: 6 }, ask))
}
