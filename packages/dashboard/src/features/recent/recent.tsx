import type { WorkSummary } from '@factory/shared'
import { useQuery } from '@tanstack/react-query'
import { useFactory } from '../../data/factory.tsx'
import { recentQuery } from '../../data/queries.ts'
import { Ago } from '../../ui/ago.tsx'
import { Icon } from '../../ui/icon.tsx'
import { ExternalLink } from '../../ui/external-link.tsx'
import { follow } from '../../ui/route.ts'
import { Empty, Section } from '../../ui/section.tsx'
import { State } from '../../ui/state.tsx'
import { money } from '../../ui/time.ts'
import { WORK_LOOK } from '../../ui/words.ts'

export function Recent() {
  const { client } = useFactory()
  const query = useQuery(recentQuery(client))
  return (
    <Section title="Recent" query={query}>
      {(items) =>
        items.length === 0 ? (
          <Empty title="Nothing was finished yet">Pull requests and failures appear here, newest first.</Empty>
        ) : (
          <ul className="rows">
            {items.map((item) => (
              <Row key={item.id} item={item} />
            ))}
          </ul>
        )
      }
    </Section>
  )
}

function Row({ item }: { item: WorkSummary }) {
  const evidence = evidenceOf(item)
  return (
    <li className="row">
      <div className="row-main">
        <a className="title" href={`/items/${item.id}`} onClick={follow}>
          {item.title}
        </a>
        <p className="quiet">
          {item.repo} · <Ago at={item.updatedAt} every={10_000} /> · {money(item.usage.costUsd)} · {item.usage.iterations} {item.usage.iterations === 1 ? 'iteration' : 'iterations'}
        </p>
        <p className="facts">
          {item.pull && <ExternalLink url={item.pull.url}>{`PR #${item.pull.number}`}</ExternalLink>}
          {evidence && (
            <span className={`evidence evidence-${evidence}`}>
              <Icon name={evidence === 'passed' ? 'check' : 'cross'} size={12} /> evidence {evidence}
            </span>
          )}
        </p>
        {item.failure && <p className="quote">{item.failure.message}</p>}
      </div>
      <State look={WORK_LOOK[item.status]} />
    </li>
  )
}

/** An item is published only behind a passed report (WORK_TRANSITIONS), so the state itself tells. */
function evidenceOf(item: WorkSummary): 'passed' | 'failed' | null {
  if (item.status === 'publishing' || item.status === 'completed') return 'passed'
  return item.failure?.code === 'verify_failed' ? 'failed' : null
}
