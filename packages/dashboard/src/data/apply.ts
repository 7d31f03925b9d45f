import { FactoryEvent, ProgressMessage, RunProgress, type Run, type ServerSentEvent } from '@factory/shared'

/** What one message means for the data that the page holds. */
export type CacheOperation =
  | { do: 'refetch'; key: CacheKey }
  | { do: 'progress'; runId: number; itemId: number; progress: Record<string, unknown> }

export type CacheKey = readonly ['status'] | readonly ['queue'] | readonly ['workers'] | readonly ['recent'] | readonly ['waiting-for-people'] | readonly ['item', number]

const LISTS = { status: ['status'], queue: ['queue'], workers: ['workers'], recent: ['recent'], people: ['waiting-for-people'] } as const

/** Which lists each kind of event can change. The item it is about is always one of them. */
const TOUCHES = {
  'work.created': ['status', 'queue', 'people'],
  'work.edited': ['status', 'queue', 'workers', 'people'],
  'work.status': ['status', 'queue', 'workers', 'recent', 'people'],
  'work.environment': [],
  'run.admitted': ['status', 'queue', 'workers'],
  'run.registered': ['workers'],
  'run.iteration': ['status', 'workers'],
  'run.finished': ['status', 'queue', 'workers', 'recent'],
  'run.verified': ['workers', 'recent'],
  decision: ['queue'],
  'lock.acquired': ['queue'],
  'lock.denied': ['queue'],
  'lock.released': ['queue'],
  'effect.recorded': [],
  'effect.done': ['recent'],
  'effect.failed': ['recent', 'status'],
  'learning.saved': [],
  'account.paused': ['status', 'queue'],
  'account.probed': ['status', 'queue'],
  'account.opened': ['status', 'queue'],
  'limits.changed': ['status', 'queue'],
  'work.noted': [],
  'work.snapshot': ['recent'],
  'factory.restored': ['status', 'queue', 'workers', 'recent', 'people'],
} as const satisfies Record<FactoryEvent['type'], readonly (keyof typeof LISTS)[]>

/** Everything, after a gap in the stream: a server that forgot our last id replays nothing. */
export const ALL_LISTS: readonly CacheKey[] = Object.values(LISTS)

/** A message as operations; one that we do not understand (a newer server's) changes nothing. */
export function operationsFor(message: ServerSentEvent): CacheOperation[] {
  const json = parseJson(message.data)
  if (message.event === 'progress') {
    const parsed = ProgressMessage.safeParse(json)
    return parsed.success ? [{ do: 'progress', ...parsed.data }] : []
  }
  const parsed = FactoryEvent.safeParse(json)
  if (!parsed.success) return []
  const { type, itemId } = parsed.data
  const keys: CacheKey[] = TOUCHES[type].map((list) => LISTS[list])
  if (itemId !== null) keys.push(['item', itemId])
  return keys.map((key) => ({ do: 'refetch', key }))
}

/** A run with what it just said about itself; unchanged when that is not a progress we know. */
export function withProgress(run: Run, told: Record<string, unknown>, at: string): Run {
  const progress = RunProgress.safeParse({ ...run.progress, ...told })
  return progress.success ? { ...run, progress: progress.data, heartbeatAt: at } : run
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
