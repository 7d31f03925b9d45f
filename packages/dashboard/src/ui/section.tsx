import { Button } from '@mantine/core'
import type { ReactNode } from 'react'
import { Notice } from './notice.tsx'
import { problem } from './problem.ts'

type Loaded<T> = { data: T | undefined; error: Error | null; refetch(): unknown }

/**
 * A titled part of a page over one query. Data that is there is always shown: an error stands above
 * it and never replaces it.
 */
export function Section<T>({ title, aside, query, children }: { title: string; aside?: ReactNode; query: Loaded<T>; children: (data: T) => ReactNode }) {
  const id = `section-${title.toLowerCase().replace(/\W+/g, '-')}`
  return (
    <section aria-labelledby={id} className="section">
      <div className="section-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {query.error && <Problem error={query.error} retry={() => void query.refetch()} />}
      {query.data === undefined ? query.error ? null : <Skeleton /> : children(query.data)}
    </section>
  )
}

export function Problem({ error, retry }: { error: Error; retry?: () => void }) {
  const { what, fix } = problem(error)
  return (
    <Notice tone="bad" title={what} urgent>
      <p>{fix}</p>
      {retry && (
        <Button size="xs" variant="default" onClick={retry}>
          Try again
        </Button>
      )}
    </Notice>
  )
}

export function Empty({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      <p>{children}</p>
    </div>
  )
}

function Skeleton() {
  return (
    <div className="skeleton" role="status">
      <span className="visually-hidden">Loading</span>
    </div>
  )
}
