import { useQuery } from '@tanstack/react-query'
import { useFactory } from '../../data/factory.tsx'
import { peopleQuery } from '../../data/queries.ts'
import { Ago } from '../../ui/ago.tsx'
import { follow } from '../../ui/route.ts'
import { State } from '../../ui/state.tsx'
import { WORK_LOOK } from '../../ui/words.ts'

/** Items in which nothing happens until a person acts; not there at all when there are none. */
export function Attention() {
  const { client } = useFactory()
  const { data } = useQuery(peopleQuery(client))
  if (!data || data.length === 0) return null
  return (
    <section className="section attention" aria-labelledby="attention">
      <div className="section-head">
        <h2 id="attention">Waits for you</h2>
      </div>
      <ul className="rows">
        {data.map((item) => (
          <li key={item.id} className="row">
            <div className="row-main">
              <a className="title" href={`/items/${item.id}`} onClick={follow}>
                {item.title}
              </a>
              <p className="quiet">
                {item.repo} · <Ago at={item.updatedAt} every={10_000} />
              </p>
              {item.question && <p className="quote">{item.question}</p>}
            </div>
            <State look={WORK_LOOK[item.status]} />
          </li>
        ))}
      </ul>
    </section>
  )
}
