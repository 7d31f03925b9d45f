/** Connections of each contestant, and how many callers claim at once. */
export const LANES = 8
/** How many a call takes at most. */
export const MOST = 64
/** Repositories that the waiting work is spread over. Every item has one; for the peers it is a group or a named queue where a slot is asked for. */
export const REPOS = 10

/** Jobs that bar a repository (one slot each), put ahead of jobs that are ready in others. */
export type Backlog = { blockedRepos: number; blockedEach: number; readyRepos: number; readyEach: number }

/** One queue under measurement. Each verb does what a user of that queue would call, one round trip each. */
export type Contestant = {
  name: 'factory' | 'pg-boss' | 'graphile-worker'
  /** Adds waiting jobs in bulk, by whatever way is fastest: not measured. Urgent ones are ahead of all others; ours then name two files each. */
  fill(count: number, urgent?: boolean): Promise<void>
  /** Only this queue's tables: statistics and the visibility map as autovacuum would leave them. */
  vacuum(): Promise<void>
  /** One job, ahead of all others when urgent. Answers with its id. */
  enqueue(urgent: boolean): Promise<string>
  /** Up to `size` jobs in one round trip. Answers with their ids. */
  claim(size: number): Promise<string[]>
  /** Ends what was claimed: not measured. */
  finish(ids: readonly string[]): Promise<void>
  /** Claims and ends this many jobs over so many callers, as the queue itself does it. Answers with milliseconds. */
  live(count: number, lanes: number): Promise<number>
  /** Fills an empty queue with such a backlog and takes each blocked repository's one slot. */
  block(backlog: Backlog): Promise<void>
  close(): Promise<void>
}

/** Calls `one` so often, from so many callers at once. Answers with milliseconds. */
export async function over(lanes: number, count: number, one: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0
  const began = performance.now()
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (next < count) await one(next++)
    }),
  )
  return performance.now() - began
}
