import type { WorkSummary } from '@factory/shared'
import { useQuery } from '@tanstack/react-query'
import { useFactory } from '../../data/factory.tsx'
import { queueQuery } from '../../data/queries.ts'
import { follow } from '../../ui/route.ts'
import { Empty, Section } from '../../ui/section.tsx'
import { State } from '../../ui/state.tsx'
import { duration, relative, until } from '../../ui/time.ts'
import { useNow } from '../../ui/use-now.ts'
import { PRIORITY_LOOK, WAIT_WORD } from '../../ui/words.ts'

export function Queue() {
  const { client } = useFactory()
  const query = useQuery(queueQuery(client))
  return (
    <Section title="Queue" aside={<span className="quiet">in the order in which they start</span>} query={query}>
      {(items) =>
        items.length === 0 ? (
          <Empty title="Nothing waits">
            Put the label on an issue, or run <code>factory work add</code>.
          </Empty>
        ) : (
          <ol className="rows numbered">
            {items.map((item) => (
              <Row key={item.id} item={item} />
            ))}
          </ol>
        )
      }
    </Section>
  )
}

function Row({ item }: { item: WorkSummary }) {
  const now = useNow()
  const waiting = item.waiting
  return (
    <li className="row">
      <div className="row-main">
        <a className="title" href={`/items/${item.id}`} onClick={follow}>
          {item.title}
        </a>
        <p className="quiet">
          {item.repo} · waiting for {duration((now - Date.parse(item.queuedAt)) / 1000)}
          {item.attempts > 0 && ` · attempt ${item.attempts + 1} of ${item.maxAttempts}`}
          {item.status === 'drafting' && ' · the spec comes first'}
          {item.status === 'verifying' && ' · to be checked'}
        </p>
        <p className="why">
          {waiting ? (
            <>
              {WAIT_WORD[waiting.code]}
              {waiting.until && (
                <>
                  {' '}
                  until <time dateTime={waiting.until}>{until(waiting.until, now)}</time> ({relative(waiting.until, now)})
                </>
              )}
              {waiting.message && waiting.message !== WAIT_WORD[waiting.code] && <span className="quiet">: {waiting.message}</span>}
            </>
          ) : (
            'Ready: starts next'
          )}
        </p>
      </div>
      <State look={PRIORITY_LOOK[item.priority]} />
    </li>
  )
}
