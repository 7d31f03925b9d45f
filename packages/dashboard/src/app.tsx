import { createClient } from '@factory/orchestrator/client'
import { QueryClientProvider, useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from 'react'
import { FactoryProvider, useFactory } from './data/factory.tsx'
import { createQueryClient, peopleQuery, statusQuery } from './data/queries.ts'
import { browserPlace, forgetToken, keepToken, takeToken } from './data/session.ts'
import { useLive } from './data/use-live.ts'
import { Attention } from './features/attention/attention.tsx'
import { Header } from './features/header/header.tsx'
import { Overview } from './features/header/overview.tsx'
import { Queue } from './features/queue/queue.tsx'
import { Recent } from './features/recent/recent.tsx'
import { Workers } from './features/workers/workers.tsx'
import { Empty } from './ui/section.tsx'
import { follow, useRoute } from './ui/route.ts'

const Login = lazy(() => import('./features/login/login.tsx'))
const ItemPage = lazy(() => import('./features/item/item.tsx'))

export function App() {
  const place = useMemo(browserPlace, [])
  const [token, setToken] = useState(() => takeToken(place))
  const [refused, setRefused] = useState(false)
  const leave = useCallback(
    (wasRefused: boolean) => {
      forgetToken(place.store)
      setRefused(wasRefused)
      setToken(null)
    },
    [place],
  )
  if (token === null) {
    return (
      <Suspense>
        <Login
          refused={refused}
          onToken={(given) => {
            keepToken(place.store, given)
            setToken(given)
          }}
        />
      </Suspense>
    )
  }
  return <SignedIn key={token} token={token} leave={leave} />
}

/** Built anew for each token, cache included: one person's data is never shown to the next. */
function SignedIn({ token, leave }: { token: string; leave(refused: boolean): void }) {
  const queryClient = useMemo(createQueryClient, [])
  return (
    <QueryClientProvider client={queryClient}>
      <Connected token={token} leave={leave} />
    </QueryClientProvider>
  )
}

function Connected({ token, leave }: { token: string; leave(refused: boolean): void }) {
  const client = useMemo(() => createClient({ baseUrl: location.origin, token }), [token])
  const refused = useCallback(() => leave(true), [leave])
  const connection = useLive(token, refused)
  const factory = useMemo(() => ({ client, connection, signOut: () => leave(false) }), [client, connection, leave])
  return (
    <FactoryProvider value={factory}>
      <Header />
      <main id="main" className="main" tabIndex={-1}>
        <Page />
      </main>
    </FactoryProvider>
  )
}

function Page() {
  const route = useRoute()
  switch (route.page) {
    case 'overview':
      return <OverviewPage />
    case 'item':
      return (
        <Suspense fallback={<p className="quiet">Loading …</p>}>
          <ItemPage key={route.id} id={route.id} />
        </Suspense>
      )
    case 'unknown':
      return (
        <Empty title="There is no such page">
          Go to the{' '}
          <a href="/" onClick={follow}>
            overview
          </a>
          .
        </Empty>
      )
  }
}

function OverviewPage() {
  const { client } = useFactory()
  const status = useQuery(statusQuery(client)).data
  const people = useQuery(peopleQuery(client)).data
  useEffect(() => {
    const waits = people && people.length > 0 ? `(${people.length}) ` : ''
    document.title = `${waits}${status ? `${status.workers.active} working, ${status.queue.total} waiting · ` : ''}Factory`
  }, [status, people])
  return (
    <>
      <h1 className="visually-hidden">Overview</h1>
      <Overview />
      <Attention />
      <div className="columns">
        <div>
          <Workers />
          <Queue />
        </div>
        <div>
          <Recent />
        </div>
      </div>
    </>
  )
}
