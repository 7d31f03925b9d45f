import { expect, test } from 'bun:test'
import { QueryClient, QueryObserver } from '@tanstack/react-query'
import { aRun } from '../testing/fixtures.ts'
import { createInterpreter } from './interpret.ts'

const NOW = Date.parse('2026-01-05T10:00:00Z')
const AT = '2026-01-05T10:00:00.000Z'

test('a burst of events becomes two refetches of a list: at once, and once more for what came meanwhile', async () => {
  const client = new QueryClient()
  let asked = 0
  const stop = new QueryObserver(client, { queryKey: ['queue'], queryFn: () => (asked += 1), staleTime: Infinity }).subscribe(() => {})
  await client.ensureQueryData({ queryKey: ['queue'], queryFn: () => asked })
  const before = asked
  const rests: (() => void)[] = []
  const interpret = createInterpreter(client, (run) => void rests.push(run))
  const settled = async () => {
    await client.refetchQueries({ queryKey: ['nothing'] })
    while (client.isFetching() > 0) await new Promise((resolve) => setImmediate(resolve))
  }
  for (let n = 0; n < 100; n += 1) interpret({ do: 'refetch', key: ['queue'] }, AT)
  await settled()
  expect(asked - before).toBe(1)
  rests.shift()?.()
  await settled()
  expect(asked - before).toBe(2)
  rests.shift()?.()
  await settled()
  expect(asked - before).toBe(2)
  stop()
})

test('progress changes the run it is of, wherever it is shown, and asks for nothing', () => {
  const client = new QueryClient()
  client.setQueryData(['workers'], [aRun(NOW), aRun(NOW, { id: 8 })])
  const shown: (() => void)[] = []
  const interpret = createInterpreter(client, (run) => void shown.push(run))
  interpret({ do: 'progress', runId: 7, itemId: 3, progress: { iteration: 8, task: 'Cover half cents' } }, AT)
  interpret({ do: 'progress', runId: 7, itemId: 3, progress: { iteration: 9 } }, AT)
  expect(shown.length).toBe(1)
  shown[0]?.()
  expect(client.getQueryData(['workers'])).toMatchObject([{ id: 7, progress: { iteration: 9, task: 'Cover half cents' }, heartbeatAt: AT }, { id: 8, progress: { iteration: 2 } }])
})
