import { PRIORITIES, type FactoryStatus } from '@factory/shared'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useFactory } from '../../data/factory.tsx'
import { statusQuery } from '../../data/queries.ts'
import { Meter } from '../../ui/meter.tsx'
import { Notice } from '../../ui/notice.tsx'
import { Problem } from '../../ui/section.tsx'
import { duration, money, until } from '../../ui/time.ts'
import { useNow } from '../../ui/use-now.ts'
import { PRIORITY_LOOK } from '../../ui/words.ts'
import { plainState } from './plain-state.ts'

export function Overview() {
  const { client } = useFactory()
  const { data, error, refetch } = useQuery(statusQuery(client))
  const now = useNow()
  if (!data) return error ? <Problem error={error} retry={() => void refetch()} /> : <div className="tiles tiles-empty" />
  const plain = plainState(data, now, (iso) => until(iso, now), duration)
  return (
    <section aria-label="Status">
      {error && <Problem error={error} retry={() => void refetch()} />}
      <p className="plain">{plain.sentence}</p>
      {data.parts
        .filter((part) => !part.ok)
        .map((part) => (
          <Notice key={part.name} tone="bad" urgent title={`${part.name} is not well`}>
            {part.detail}. Run <code>factory doctor</code> to see how to mend it.
          </Notice>
        ))}
      <div className="tiles">
        <Tile title="Workers" figure={String(data.workers.active)} of={`of ${data.workers.allowed}`} used={data.workers.active} all={data.workers.allowed}>
          {/* The name may carry a warning behind a colon. */}
          {data.runtime.startsWith('process') ? 'as plain processes: no sandbox' : `runtime ${data.runtime.split(':')[0]}`}
        </Tile>
        <Tile title="Iterations today" figure={String(data.budget.iterations)} of={`of ${data.budget.limit}`} used={data.budget.iterations + data.budget.reserved} all={data.budget.limit}>
          {data.budget.reserved > 0 ? `${data.budget.reserved} more reserved · ` : ''}
          {money(data.budget.costUsd)} spent
        </Tile>
        <Tile title="Queue" figure={String(data.queue.total)} of="waiting">
          {queueWords(data.queue.byPriority)}
        </Tile>
        <Tile title="Next start" figure={plain.next.figure} of={plain.next.of}>
          {plain.next.why}
        </Tile>
      </div>
    </section>
  )
}

function queueWords(byPriority: FactoryStatus['queue']['byPriority']): string {
  const parts = PRIORITIES.filter((priority) => (byPriority[priority] ?? 0) > 0).map((priority) => `${byPriority[priority]} ${PRIORITY_LOOK[priority].word.toLowerCase()}`)
  return parts.length > 0 ? parts.join(' · ') : 'nothing waits'
}

function Tile({ title, figure, of, used, all, children }: { title: string; figure: string; of: string; used?: number; all?: number; children: ReactNode }) {
  return (
    <div className="tile">
      <h2>{title}</h2>
      <p className="tile-figure">
        <strong>{figure}</strong> <span>{of}</span>
      </p>
      {used !== undefined && all !== undefined && <Meter used={used} all={all} warn={used >= all} />}
      <p className="tile-note">{children}</p>
    </div>
  )
}
