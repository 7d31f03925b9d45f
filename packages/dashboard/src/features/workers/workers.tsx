import type { Run } from '@factory/shared'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useFactory } from '../../data/factory.tsx'
import { workersQuery } from '../../data/queries.ts'
import { Confirm } from '../../ui/confirm.tsx'
import { Meter } from '../../ui/meter.tsx'
import { follow } from '../../ui/route.ts'
import { Empty, Section } from '../../ui/section.tsx'
import { State } from '../../ui/state.tsx'
import { duration, money } from '../../ui/time.ts'
import { useNow } from '../../ui/use-now.ts'
import { KIND_WORD, RUN_LOOK } from '../../ui/words.ts'

/** Two missed heartbeats (every 20 s): worth a word before the lease (120 s) runs out. */
const QUIET_SECONDS = 45

export function Workers() {
  const { client } = useFactory()
  const query = useQuery(workersQuery(client))
  return (
    <Section title="Working now" query={query}>
      {(runs) =>
        runs.length === 0 ? (
          <Empty title="No worker is active">A worker starts when an item waits and budget and cooldown allow it.</Empty>
        ) : (
          <ul className="rows">
            {runs.map((run) => (
              <Worker key={run.id} run={run} />
            ))}
          </ul>
        )
      }
    </Section>
  )
}

function Worker({ run }: { run: Run }) {
  const now = useNow()
  const { client } = useFactory()
  const queryClient = useQueryClient()
  const progress = run.progress
  const silent = (now - Date.parse(run.heartbeatAt ?? run.startedAt)) / 1000
  const kill = async (reason: string) => {
    await client.call('killWorker', { params: { id: run.id }, body: reason ? { reason } : {} })
    await queryClient.invalidateQueries({ queryKey: ['workers'] })
  }
  return (
    <li className="row worker" data-run={run.id}>
      <div className="row-main">
        <a className="title" href={`/items/${run.itemId}`} onClick={follow}>
          {run.title}
        </a>
        <p className="quiet">
          {run.repo} · {KIND_WORD[run.kind]}
          {run.attempt > 1 && ` · attempt ${run.attempt}`} · for {duration((now - Date.parse(run.startedAt)) / 1000)}
          {run.usage.costUsd > 0 && ` · ${money(run.usage.costUsd)}`}
        </p>
        {progress && (
          <>
            <p className="why">
              {progress.maxIterations > 0 && <strong>Iteration {progress.iteration} of {progress.maxIterations}</strong>}
              {progress.tasksTotal > 0 && (
                <span>
                  {progress.maxIterations > 0 && ' · '}
                  {progress.tasksDone} of {progress.tasksTotal} tasks done
                </span>
              )}
              {progress.maxIterations === 0 && progress.tasksTotal === 0 && <span>Step: {progress.step}</span>}
            </p>
            {progress.tasksTotal > 0 && <Meter used={progress.tasksDone} all={progress.tasksTotal} />}
            {progress.task && <p className="task">{progress.task}</p>}
            {progress.activity && <p className="activity">{progress.activity}</p>}
          </>
        )}
        <p className={silent > QUIET_SECONDS ? 'heartbeat heartbeat-old' : 'heartbeat'}>
          {run.heartbeatAt === null ? 'No heartbeat yet' : `Heartbeat ${duration(silent)} ago`}
          {silent > QUIET_SECONDS && ' · silent for long; it is replaced when its lease ends'}
        </p>
      </div>
      <div className="row-side">
        <State look={RUN_LOOK[run.status]} />
        <Confirm label="Kill" accessibleLabel={`Kill run ${run.id}`} title={`Kill run ${run.id}?`} action="Kill the run" danger run={kill}>
          The worker ends at once. At most the iteration under way is lost, and the item goes back to the queue.
        </Confirm>
      </div>
    </li>
  )
}
