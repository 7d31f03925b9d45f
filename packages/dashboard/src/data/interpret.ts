import type { Run, WorkDetail } from '@factory/shared'
import type { QueryClient } from '@tanstack/react-query'
import { withProgress, type CacheKey, type CacheOperation } from './apply.ts'

/** At most so often is one list asked for again, however many events touch it. */
export const REFETCH_EVERY_MS = 250
/** Fifty workers talk more often than a screen can be drawn; what they say is shown together. */
export const SHOW_PROGRESS_EVERY_MS = 50

/**
 * Carries cache operations out. A burst of events becomes one refetch per list: the first goes at
 * once, so that a single change shows without delay, the others share the next one.
 */
export function createInterpreter(client: QueryClient, later: (run: () => void, ms: number) => void = (run, ms) => void setTimeout(run, ms)) {
  const resting = new Map<string, { key: CacheKey; again: boolean }>()

  /** What runs said since it was last shown, the newest word of each. */
  const news = new Map<number, { itemId: number; at: string; progress: Record<string, unknown> }>()

  const refetch = (key: CacheKey): void => {
    const name = JSON.stringify(key)
    const waiting = resting.get(name)
    if (waiting) {
      waiting.again = true
      return
    }
    const entry = { key, again: false }
    resting.set(name, entry)
    // A refetch under way began before this event and may have missed it: it is started anew.
    void client.invalidateQueries({ queryKey: key }, { cancelRefetch: true })
    later(() => {
      resting.delete(name)
      if (entry.again) refetch(key)
    }, REFETCH_EVERY_MS)
  }

  const show = (): void => {
    const patch = (run: Run): Run => {
      const told = news.get(run.id)
      return told ? withProgress(run, told.progress, told.at) : run
    }
    client.setQueryData<Run[]>(['workers'], (runs) => runs?.map(patch))
    for (const itemId of new Set([...news.values()].map((told) => told.itemId))) {
      client.setQueryData<WorkDetail>(['item', itemId], (detail) => detail && { ...detail, runs: detail.runs.map(patch) })
    }
    news.clear()
  }

  return (operation: CacheOperation, at: string): void => {
    if (operation.do === 'refetch') return refetch(operation.key)
    if (news.size === 0) later(show, SHOW_PROGRESS_EVERY_MS)
    const { runId, itemId, progress } = operation
    news.set(runId, { itemId, at, progress: { ...news.get(runId)?.progress, ...progress } })
  }
}
