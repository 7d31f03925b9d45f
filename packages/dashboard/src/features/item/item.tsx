import { isTerminalWork, type WorkDetail, type WorkItem } from '@factory/shared'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useFactory } from '../../data/factory.tsx'
import { itemQuery } from '../../data/queries.ts'
import { Ago } from '../../ui/ago.tsx'
import { Confirm } from '../../ui/confirm.tsx'
import { ExternalLink } from '../../ui/external-link.tsx'
import { Icon } from '../../ui/icon.tsx'
import { follow } from '../../ui/route.ts'
import { Notice } from '../../ui/notice.tsx'
import { Problem, Section } from '../../ui/section.tsx'
import { State } from '../../ui/state.tsx'
import { money, until } from '../../ui/time.ts'
import { PRIORITY_LOOK, WAIT_WORD, WORK_LOOK } from '../../ui/words.ts'
import { Evidence } from './evidence.tsx'
import { Log } from './log.tsx'
import { Runs } from './runs.tsx'
import { SpecText } from './spec-text.tsx'
import { Timeline } from './timeline.tsx'

export default function ItemPage({ id }: { id: number }) {
  const { client } = useFactory()
  const query = useQuery(itemQuery(client, id))
  const title = query.data?.item.title
  useEffect(() => {
    if (title !== undefined) document.title = `${title.slice(0, 80)} · Factory`
  }, [title])
  if (!query.data) return query.error ? <Problem error={query.error} retry={() => void query.refetch()} /> : <p className="quiet">Loading item {id} …</p>
  return (
    <>
      {query.error && <Problem error={query.error} retry={() => void query.refetch()} />}
      <Body detail={query.data} query={query} />
    </>
  )
}

function Body({ detail, query }: { detail: WorkDetail; query: { error: Error | null; refetch(): unknown } }) {
  const { item, runs, events } = detail
  const section = { ...query, error: null, data: detail }
  const newestFirst = runs.toSorted((a, b) => b.token - a.token)
  return (
    <article className="item">
      <a className="back" href="/" onClick={follow}>
        <Icon name="back" /> Overview
      </a>
      <Head item={item} />
      <Notices item={item} />
      <div className="columns">
        <div>
          <Section title="Spec" query={section}>
            {() => <SpecText spec={item.spec} description={item.description} />}
          </Section>
          <Section title="Log" query={section}>
            {() => <Log runs={newestFirst} />}
          </Section>
        </div>
        <div>
          <Section title="Evidence" query={section}>
            {() => <Evidence report={item.evidence} environment={item.environment} />}
          </Section>
          <Section title="Attempts" query={section}>
            {() => <Runs runs={newestFirst} />}
          </Section>
          <Section title="Timeline" query={section}>
            {() => <Timeline events={events} />}
          </Section>
        </div>
      </div>
    </article>
  )
}

function Head({ item }: { item: WorkItem }) {
  const { client } = useFactory()
  const queryClient = useQueryClient()
  const act = (name: 'cancelWork' | 'retryWork') => async (reason: string) => {
    await client.call(name, { params: { id: item.id }, body: reason ? { reason } : {} })
    await queryClient.invalidateQueries()
  }
  const retryable = item.status === 'failed' || item.status === 'cancelled' || item.status === 'needs_input' || item.status === 'awaiting_approval'
  return (
    <div className="item-head">
      <h1>{item.title}</h1>
      <p className="facts">
        <State look={WORK_LOOK[item.status]} />
        <State look={PRIORITY_LOOK[item.priority]} />
        {item.pull && <ExternalLink url={item.pull.url}>{`PR #${item.pull.number}`}</ExternalLink>}
        <ExternalLink url={item.sourceUrl}>{`${item.source} ${item.sourceId}`}</ExternalLink>
      </p>
      <p className="quiet">
        Item {item.id} · {item.repo}
        {item.author && ` · asked by ${item.author.login}`} · <Ago at={item.createdAt} every={10_000} /> · {item.attempts} of {item.maxAttempts} attempts · {item.usage.iterations} iterations · {money(item.usage.costUsd)}
      </p>
      <div className="actions">
        {!isTerminalWork(item.status) && (
          <Confirm label="Cancel" title={`Cancel item ${item.id}?`} action="Cancel the item" danger run={act('cancelWork')}>
            Its worker is stopped and the issue is told. What was done so far stays on the work-in-progress ref.
          </Confirm>
        )}
        {retryable && (
          <Confirm label="Retry" title={`Take item ${item.id} up again?`} action="Retry" run={act('retryWork')}>
            It goes back into the queue with fresh attempts and counts against today's budget.
          </Confirm>
        )}
      </div>
    </div>
  )
}

function Notices({ item }: { item: WorkItem }) {
  return (
    <>
      {item.question && (
        <Notice tone="wait" title="The factory asks">
          <p className="pre">{item.question}</p>
          <p>Answer on the issue, or edit it; then retry.</p>
        </Notice>
      )}
      {item.failure && (
        <Notice tone="bad" title={`Gave up: ${item.failure.code.replaceAll('_', ' ')}`}>
          <p className="pre">{item.failure.message}</p>
        </Notice>
      )}
      {item.waiting && (
        <Notice tone="info" title={WAIT_WORD[item.waiting.code]}>
          <p>
            {item.waiting.message && `Why: ${item.waiting.message}. `}
            {item.waiting.until ? `Until ${until(item.waiting.until, Date.now())}. It goes on by itself.` : 'It goes on by itself.'}
          </p>
        </Notice>
      )}
    </>
  )
}
