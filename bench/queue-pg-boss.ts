import { PgBoss } from 'pg-boss'
import { LANES, over, REPOS, type Backlog, type Contestant } from './queue-contestant.ts'

const QUEUE = 'bench'
const BATCH = 10_000

/** pg-boss without its maintenance and cron. Where a slot is asked for, by its group concurrency. */
export async function openPgBoss(url: string): Promise<Contestant> {
  const boss = new PgBoss({ connectionString: url, max: LANES, supervise: false, schedule: false })
  boss.on('error', () => {})
  await boss.start()
  await boss.createQueue(QUEUE)
  let slots: { groupConcurrency?: number } = {}

  async function insert(count: number, job: (index: number) => { priority: number; group?: { id: string } }): Promise<void> {
    for (let from = 0; from < count; from += BATCH) {
      await boss.insert(QUEUE, Array.from({ length: Math.min(BATCH, count - from) }, (_, index) => ({ data: { n: from + index }, ...job(from + index) })))
    }
  }
  async function claim(size: number): Promise<string[]> {
    const jobs = await boss.fetch(QUEUE, { batchSize: size, ...slots })
    return jobs.map((job) => job.id)
  }

  return {
    name: 'pg-boss',
    fill: (count, urgent) => insert(count, (index) => ({ priority: urgent ? 9 : 3 - (index % 3), group: { id: `repo-${index % REPOS}` } })),
    async vacuum() {
      await boss.getDb().executeSql('vacuum analyze pgboss.job')
    },
    async enqueue(urgent) {
      const id = await boss.send(QUEUE, { n: 0 }, { priority: urgent ? 9 : 0 })
      if (id === null) throw new Error('pg-boss took no job')
      return id
    },
    claim,
    async finish(ids) {
      if (ids.length > 0) await boss.complete(QUEUE, [...ids])
    },
    live: (count, lanes) =>
      over(lanes, count, async () => {
        for (const id of await claim(1)) await boss.complete(QUEUE, id)
      }),
    async block({ blockedRepos, blockedEach, readyRepos, readyEach }: Backlog) {
      slots = { groupConcurrency: 1 }
      await insert(blockedRepos * blockedEach, (index) => ({ priority: 9, group: { id: `repo-${index % blockedRepos}` } }))
      await insert(readyRepos * readyEach, (index) => ({ priority: 1, group: { id: `repo-${blockedRepos + (index % readyRepos)}` } }))
      for (let taken = 0; taken < blockedRepos; taken++) await claim(1)
    },
    close: () => boss.stop({ graceful: false, close: true }),
  }
}
