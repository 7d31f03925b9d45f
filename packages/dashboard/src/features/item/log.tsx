import { isLiveRun, type Run } from '@factory/shared'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { useFactory } from '../../data/factory.tsx'
import { logQuery } from '../../data/queries.ts'
import { Empty, Problem } from '../../ui/section.tsx'
import { KIND_WORD } from '../../ui/words.ts'

export function Log({ runs }: { runs: Run[] }) {
  const [chosen, setChosen] = useState<number | null>(null)
  const run = runs.find((one) => one.id === chosen) ?? runs[0]
  if (!run) return <Empty title="No log yet">It begins with the first run.</Empty>
  return (
    <>
      {runs.length > 1 && (
        <label className="chooser">
          Run{' '}
          <select value={run.id} onChange={(event) => setChosen(Number(event.currentTarget.value))}>
            {runs.map((one) => (
              <option key={one.id} value={one.id}>
                {one.id} · {KIND_WORD[one.kind]} · attempt {one.attempt}
              </option>
            ))}
          </select>
        </label>
      )}
      <Lines key={run.id} run={run} />
    </>
  )
}

function Lines({ run }: { run: Run }) {
  const { client } = useFactory()
  const queryClient = useQueryClient()
  const { data, error, refetch } = useQuery(logQuery(client, queryClient, run.id, isLiveRun(run.status)))
  const box = useRef<HTMLDivElement>(null)
  const following = useRef(true)
  const count = data?.next ?? 0
  useEffect(() => {
    if (following.current && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [count])
  if (!data) return error ? <Problem error={error} retry={() => void refetch()} /> : <p className="quiet">Loading the log …</p>
  if (data.lines.length === 0) return <Empty title="Nothing was said yet">Lines appear here as the run speaks.</Empty>
  return (
    <div
      className="log"
      ref={box}
      tabIndex={0}
      role="log"
      aria-label={`Log of run ${run.id}`}
      onScroll={(event) => {
        const element = event.currentTarget
        following.current = element.scrollHeight - element.scrollTop - element.clientHeight < 40
      }}
    >
      {data.cut && <p className="quiet">Older lines are left out here; `factory work logs` has them all.</p>}
      {data.lines.map((line, index) => (
        <div key={index} className={`log-line log-${line.stream}`}>
          <span className="log-at">{new Date(line.at).toLocaleTimeString()}</span> <span className="log-who">{line.stream}</span> {line.text}
        </div>
      ))}
    </div>
  )
}
