import type { Client } from '@factory/orchestrator/client'
import { FactoryError, type LogLine, type WorkSummary } from '@factory/shared'
import { QueryClient, queryOptions } from '@tanstack/react-query'

/** The stream tells of changes at once; this catches what no event tells (a heartbeat's age, a server without the stream). */
const SAFETY_NET_MS = 30_000
/** Lines of a log that the page holds; older ones are on the API. */
const LOG_LINES = 2_000

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // The orchestrator may be on this very machine: the browser's idea of "offline" means nothing here.
        networkMode: 'always',
        staleTime: 5_000,
        refetchInterval: SAFETY_NET_MS,
        retry: (failures, error) => failures < 2 && error instanceof FactoryError && error.code === 'unavailable',
      },
      mutations: { networkMode: 'always' },
    },
  })
}

export const statusQuery = (client: Client) => queryOptions({ queryKey: ['status'], queryFn: ({ signal }) => client.call('status', {}, { signal }) })

export const queueQuery = (client: Client) =>
  queryOptions({ queryKey: ['queue'], queryFn: async ({ signal }) => (await client.call('queue', { query: { limit: 50 } }, { signal })).items })

export const workersQuery = (client: Client) =>
  queryOptions({ queryKey: ['workers'], queryFn: async ({ signal }) => (await client.call('listWorkers', { query: { live: 'true', limit: 100 } }, { signal })).workers })

/** The latest endings of each kind, newest first. Asked one by one, because a long queue would push them off a common list. */
export const recentQuery = (client: Client) =>
  queryOptions({
    queryKey: ['recent'],
    queryFn: async ({ signal }) => {
      const statuses = ['publishing', 'completed', 'failed', 'cancelled'] as const
      const lists = await Promise.all(statuses.map((status) => client.call('listWork', { query: { status, limit: 15 } }, { signal })))
      return newestFirst(lists.flatMap((list) => list.items)).slice(0, 15)
    },
  })

export const peopleQuery = (client: Client) =>
  queryOptions({
    queryKey: ['waiting-for-people'],
    queryFn: async ({ signal }) => {
      const statuses = ['needs_input', 'awaiting_approval'] as const
      const lists = await Promise.all(statuses.map((status) => client.call('listWork', { query: { status, limit: 50 } }, { signal })))
      return newestFirst(lists.flatMap((list) => list.items)).reverse()
    },
  })

export const itemQuery = (client: Client, id: number) => queryOptions({ queryKey: ['item', id], queryFn: ({ signal }) => client.call('getWork', { params: { id } }, { signal }) })

export type LogPage = { lines: LogLine[]; next: number; cut: boolean }

/** A run's log; each refetch asks only for what is new and adds it. */
export const logQuery = (client: Client, queryClient: QueryClient, runId: number, live: boolean) =>
  queryOptions({
    queryKey: ['log', runId],
    refetchInterval: live ? 2_000 : false,
    queryFn: async ({ signal }): Promise<LogPage> => {
      let page = queryClient.getQueryData<LogPage>(['log', runId]) ?? { lines: [], next: 0, cut: false }
      for (;;) {
        const answer = await client.call('workerLogs', { params: { id: runId }, query: { after: page.next, limit: 1000 } }, { signal })
        const lines = [...page.lines, ...answer.lines]
        page = { lines: lines.slice(-LOG_LINES), next: answer.next, cut: page.cut || lines.length > LOG_LINES }
        if (answer.lines.length < 1000) return page
      }
    },
  })

function newestFirst(items: WorkSummary[]): WorkSummary[] {
  return items.sort((a, b) => b.updatedAt.localeCompare(a.updatedAt))
}
