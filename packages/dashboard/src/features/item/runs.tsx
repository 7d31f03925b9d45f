import type { Run } from '@factory/shared'
import { Ago } from '../../ui/ago.tsx'
import { Empty } from '../../ui/section.tsx'
import { State } from '../../ui/state.tsx'
import { duration, money } from '../../ui/time.ts'
import { KIND_WORD, RUN_LOOK } from '../../ui/words.ts'

export function Runs({ runs }: { runs: Run[] }) {
  if (runs.length === 0) return <Empty title="No run yet">The first one starts when the item's turn comes.</Empty>
  return (
    <ul className="rows">
      {runs.map((run) => (
        <li key={run.id} className="row">
          <div className="row-main">
            <strong>{KIND_WORD[run.kind]}</strong>
            <p className="quiet">
              Run {run.id} · attempt {run.attempt} · <Ago at={run.startedAt} every={10_000} />
              {run.finishedAt && ` · took ${duration((Date.parse(run.finishedAt) - Date.parse(run.startedAt)) / 1000)}`} · {run.usage.iterations} iterations · {money(run.usage.costUsd)}
            </p>
            {run.progress && run.finishedAt === null && (
              <p className="why">
                Iteration {run.progress.iteration} of {run.progress.maxIterations}
                {run.progress.activity && ` · ${run.progress.activity}`}
              </p>
            )}
            {run.outcome && run.outcome.code !== 'done' && <p className="quote">{run.outcome.message}</p>}
          </div>
          <State look={RUN_LOOK[run.status]} />
        </li>
      ))}
    </ul>
  )
}
