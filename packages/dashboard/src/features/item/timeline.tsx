import type { FactoryEvent } from '@factory/shared'
import { Ago } from '../../ui/ago.tsx'
import { Empty } from '../../ui/section.tsx'
import { eventSentence } from '../../ui/words.ts'

/** Newest first: what happened last is what people come for. */
export function Timeline({ events }: { events: FactoryEvent[] }) {
  if (events.length === 0) return <Empty title="Nothing happened yet">Every step is recorded here with its reason.</Empty>
  return (
    <ol className="timeline">
      {events.toReversed().map((event) => {
        const { what, facts } = eventSentence(event)
        return (
          <li key={event.id}>
            <strong>{what}</strong> <span className="quiet"><Ago at={event.at} every={10_000} /></span>
            {facts && <p>{facts}</p>}
          </li>
        )
      })}
    </ol>
  )
}
