import { pause } from '@factory/shared'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { ALL_LISTS, operationsFor } from './apply.ts'
import { createInterpreter } from './interpret.ts'
import { followEvents, type Connection } from './live.ts'

/** Keeps the query cache in step with the orchestrator for as long as the page is open. */
export function useLive(token: string, onRefused: () => void): Connection {
  const queryClient = useQueryClient()
  const [connection, setConnection] = useState<Connection>({ state: 'connecting' })
  useEffect(() => {
    const ending = new AbortController()
    const interpret = createInterpreter(queryClient)
    let lost = false
    void followEvents({
      url: '/api/events',
      token,
      signal: ending.signal,
      fetch: (url, init) => fetch(url, init),
      now: Date.now,
      random: Math.random,
      wait: pause,
      onEvent: (event) => {
        for (const operation of operationsFor(event)) interpret(operation, new Date().toISOString())
      },
      onConnection: (next) => {
        if (ending.signal.aborted) return
        if (next.state === 'refused') return onRefused()
        if (next.state === 'live' && lost) {
          for (const queryKey of ALL_LISTS) void queryClient.invalidateQueries({ queryKey })
          void queryClient.invalidateQueries({ queryKey: ['item'] })
        }
        lost = next.state === 'reconnecting' || (lost && next.state !== 'live')
        setConnection(next)
      },
    })
    return () => ending.abort()
  }, [token, queryClient, onRefused])
  return connection
}
