import type { Api, EndpointName } from '@factory/shared'
import type { z } from 'zod'
import type { Answer } from '../client.ts'

/** Who sent the request, as far as its endpoint's audience lets anybody in. */
export type RunCaller = { kind: 'run'; runId: number; itemId: number; token: number }
type PersonCaller = { kind: 'person' }
export type Caller = RunCaller | PersonCaller | { kind: 'public' }

type Parsed<N extends EndpointName, Part extends string> = Api[N] extends { [P in Part]: infer S extends z.ZodType } ? z.output<S> : Record<never, never>

/** What a handler gets: everything parsed, defaults filled in. A part that the endpoint has not is `{}`. */
type HandlerInput<N extends EndpointName> = {
  params: Parsed<N, 'params'>
  query: Parsed<N, 'query'>
  body: Parsed<N, 'body'>
}

type CallerOf<N extends EndpointName> = Api[N]['audience'] extends 'run' ? RunCaller : Api[N]['audience'] extends 'person' ? PersonCaller : Caller

type Handler<Context, N extends EndpointName> = (ctx: Context, input: HandlerInput<N>, caller: CallerOf<N>) => Promise<Answer<N>>

/** The handlers of some endpoints (all of them by default), each by its name in the `api` table. */
export type Handlers<Context, N extends EndpointName = EndpointName> = { [K in N]: Handler<Context, K> }
