import type { Client } from '@factory/orchestrator/client'
import { createContext, use } from 'react'
import type { Connection } from './live.ts'

/** What every feature needs: the API in the name of the person, and how fresh the data is. */
export type Factory = { client: Client; connection: Connection; signOut(): void }

const FactoryContext = createContext<Factory | null>(null)
export const FactoryProvider = FactoryContext.Provider

export function useFactory(): Factory {
  const factory = use(FactoryContext)
  if (!factory) throw new Error('useFactory needs a FactoryProvider around it')
  return factory
}
