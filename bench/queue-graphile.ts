import { Logger, makeWorkerUtils, run, runOnce, type WorkerUtils } from 'graphile-worker'
import { z } from 'zod'
import { LANES, MOST, type Contestant } from './queue-contestant.ts'

const TASK = 'bench'
const quiet = new Logger(() => () => {})
const Statement = z.tuple([z.object({ name: z.string(), statement: z.string() })])
const Claimed = z.array(z.object({ id: z.coerce.string() }))
const TaskId = z.tuple([z.object({ id: z.number() })])

/**
 * graphile-worker. Its claim is not in its public interface: its own runner prepares the statement, from whose
 * connection we take it, and then send it as the runner does. `live` is the runner itself.
 */
export async function openGraphile(url: string): Promise<Contestant> {
  const options = { connectionString: url, maxPoolSize: LANES, logger: quiet, noHandleSignals: true }
  const utils = await makeWorkerUtils(options)
  await utils.migrate()
  const statements = new Map<number, { name: string; text: string }>()
  for (const size of [1, LANES, MOST]) statements.set(size, await claimStatement(url, utils, size))
  const task = await utils.withPgClient(async (client) => TaskId.parse((await client.query('select id from graphile_worker._private_tasks')).rows)[0].id)

  async function fill(count: number, queue: string, priority: string): Promise<void> {
    await utils.withPgClient((client) =>
      client.query(
        `select count(*) from graphile_worker.add_jobs(array(
          select row($1, json_build_object('n', n), ${queue}, null, 25, null, ${priority}, null)::graphile_worker.job_spec from generate_series(0, $2::int - 1) n))`,
        [TASK, count],
      ),
    )
  }
  async function claim(size: number): Promise<string[]> {
    const statement = statements.get(size)
    if (!statement) throw new Error(`no statement for ${size} jobs`)
    return utils.withPgClient(async (client) => Claimed.parse((await client.query({ ...statement, values: ['bench', [task]] })).rows).map((row) => row.id))
  }

  return {
    name: 'graphile-worker',
    async fill(count, urgent) {
      for (let left = count; left > 0; left -= 100_000) await fill(Math.min(left, 100_000), 'null', urgent ? '-9' : 'n % 3')
    },
    async vacuum() {
      await utils.withPgClient((client) => client.query('vacuum analyze graphile_worker._private_jobs'))
    },
    enqueue: async (urgent) => String((await utils.addJob(TASK, { n: 0 }, { priority: urgent ? -9 : 9 })).id),
    claim,
    async finish(ids) {
      await utils.withPgClient((client) =>
        client.query(
          `with ended as (delete from graphile_worker._private_jobs where id = any ($1::bigint[]) returning job_queue_id)
          update graphile_worker._private_job_queues q set locked_by = null, locked_at = null from ended where q.id = ended.job_queue_id`,
          [ids],
        ),
      )
    },
    async live(count, lanes) {
      // its best setting for more than one: a queue of its own in the process, jobs completed in batches
      // (what it fetched before the first began is not in its time, so it does more of them)
      const times = lanes === 1 ? 1 : 8
      await fill((times - 1) * count, 'null', 'n % 3')
      const best = lanes === 1 ? {} : { preset: { worker: { localQueue: { size: MOST }, completeJobBatchDelay: 0 } } }
      let done = 0
      let began = 0
      let ms = 0
      const ready = Promise.withResolvers<void>()
      const runner = await run({
        ...options,
        ...best,
        concurrency: lanes,
        taskList: {
          [TASK]: () => {
            began ||= performance.now()
            done += 1
            if (done === count * times) {
              ms = (performance.now() - began) / times
              ready.resolve()
            }
          },
        },
      })
      await ready.promise
      await runner.stop()
      return ms
    },
    async block({ blockedRepos, blockedEach, readyRepos, readyEach }) {
      await fill(blockedRepos * blockedEach, `'repo-' || n % ${blockedRepos}`, '-9')
      await fill(readyRepos * readyEach, `'repo-' || ${blockedRepos} + n % ${readyRepos}`, '1')
      for (let taken = 0; taken < blockedRepos; taken++) await claim(1)
    },
    close: async () => utils.release(),
  }
}

/** Lets the runner do one job on its only connection and reads there what it prepared. */
async function claimStatement(url: string, utils: WorkerUtils, size: number): Promise<{ name: string; text: string }> {
  await utils.addJob(TASK, {})
  const seen = Promise.withResolvers<{ name: string; text: string }>()
  await runOnce({
    connectionString: url,
    maxPoolSize: 1,
    logger: quiet,
    noHandleSignals: true,
    preset: { worker: size === 1 ? {} : { localQueue: { size } } },
    concurrency: 1,
    taskList: {
      [TASK]: async (_payload, helpers) => {
        const { rows } = await helpers.withPgClient((client) => client.query("select name, statement from pg_prepared_statements where name like 'get_job%'"))
        const [found] = Statement.parse(rows)
        seen.resolve({ name: found.name, text: found.statement })
      },
    },
  })
  return seen.promise
}
