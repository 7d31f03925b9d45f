import { relative } from './time.ts'
import { useNow } from './use-now.ts'

/** A time as its age, the exact one on hover. */
export function Ago({ at, every = 1_000 }: { at: string; every?: number }) {
  const now = useNow(every)
  return (
    <time dateTime={at} title={new Date(at).toLocaleString()}>
      {relative(at, now)}
    </time>
  )
}
