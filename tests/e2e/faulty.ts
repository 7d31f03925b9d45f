import { FactoryError } from '@factory/shared'
import type { Context } from '../../packages/orchestrator/src/context.ts'
import type { Sql } from '../../packages/orchestrator/src/db/connect.ts'
import { StartError } from '../../packages/orchestrator/src/ports/worker-runtime.ts'

/** What happens to a call: nothing; an error, or no answer, without its having been done; done, and then no answer. */
type Fate = 'fine' | 'error' | 'timeout' | 'executed'
type Port = 'store' | 'locks' | 'bus' | 'runtime'

export type Faults = {
  /** Nothing happens to any call while false. */
  on: boolean
  /** What happened to how many calls, as "store executed". */
  counts: Map<string, number>
  /** Carries a call out, or not, as chance says. */
  around<T>(port: Port, call: () => Promise<T>, errorFor: (fate: Fate) => Error): Promise<T>
}

/** How long a caller waits for an answer that does not come: the adapters' bounds, made short. */
const TIMEOUT_MS = 150

/** `rate`: the share of calls that each kind of fault gets. The same seed gives the same sequence of fates. */
export function createFaults(options: { rate: number; seed: number }): Faults {
  const chance = mulberry32(options.seed)
  const fate = (): Fate => {
    const drawn = Math.floor(chance() / options.rate)
    return drawn === 0 ? 'error' : drawn === 1 ? 'timeout' : drawn === 2 ? 'executed' : 'fine'
  }
  const faults: Faults = {
    on: false,
    counts: new Map(),
    async around(port, call, errorFor) {
      const drawn = faults.on ? fate() : 'fine'
      faults.counts.set(`${port} ${drawn}`, (faults.counts.get(`${port} ${drawn}`) ?? 0) + 1)
      if (drawn === 'fine') return call()
      if (drawn === 'executed') await call()
      if (drawn !== 'error') await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS))
      throw errorFor(drawn)
    },
  }
  return faults
}

/** The orchestrator's world with faults at each port but the forge, whose faults are made behind its adapter. */
export function faulty(ctx: Pick<Context, 'db' | 'locks' | 'bus' | 'runtime'>, faults: Faults): Pick<Context, 'db' | 'locks' | 'bus' | 'runtime'> {
  const noRedis = (fate: Fate) => new FactoryError('unavailable', `Redis does not answer (${fate})`)
  const noEngine = (fate: Fate) => new StartError('engine_unavailable', `the engine does not answer (${fate})`, { permanent: false })
  return {
    db: { ...ctx.db, sql: faultySql(ctx.db.sql, faults) },
    locks: everyCall(ctx.locks, faults, 'locks', noRedis),
    // its promise: it never throws, messages are lost
    bus: { ...ctx.bus, publish: (channel, message) => faults.around('bus', () => ctx.bus.publish(channel, message), noRedis).catch(() => undefined) },
    runtime: everyCall(ctx.runtime, faults, 'runtime', noEngine),
  }
}

function everyCall<T extends object>(port: T, faults: Faults, name: Port, errorFor: (fate: Fate) => Error): T {
  return new Proxy(port, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key)
      if (typeof member !== 'function' || key === 'close') return member
      return (...args: unknown[]) => faults.around(name, async () => (await Reflect.apply(member, target, args)) as unknown, errorFor)
    },
  })
}

const noStore = (fate: Fate) => Object.assign(new Error(`the database does not answer (${fate})`), { code: fate === 'error' ? 'CONNECTION_CLOSED' : 'ETIMEDOUT' })

/** Each statement on its own, each statement of a transaction, and each transaction as a whole (before, after its commit). */
function faultySql(sql: Sql, faults: Faults): Sql {
  return new Proxy(sql, {
    apply: (target, self, args: never) => faultyQuery(Reflect.apply(target, self, args), faults),
    get(target, key) {
      const member: unknown = Reflect.get(target, key)
      if (typeof member !== 'function') return member
      if (key !== 'begin') return member.bind(target) as unknown
      return (body: (tx: Sql) => Promise<unknown>) => faults.around('store', async () => (await Reflect.apply(member, target, [(tx: Sql) => body(faultySql(tx, faults))])) as unknown, noStore)
    },
  })
}

/** A query is only sent when somebody waits for it; until then it may be a part of another. */
function faultyQuery(query: unknown, faults: Faults): unknown {
  if (!(query instanceof Promise)) return query
  let sent: Promise<unknown> | null = null
  const send = () => (sent ??= faults.around('store', async () => (await query) as unknown, noStore))
  return new Proxy(query, {
    get(target, key) {
      if (key === 'then' || key === 'catch' || key === 'finally') {
        return (...args: unknown[]) => Reflect.apply(Reflect.get(send(), key), send(), args) as unknown
      }
      const member: unknown = Reflect.get(target, key)
      return typeof member === 'function' ? (member.bind(target) as unknown) : member
    },
  })
}

/** Small, and the same everywhere. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
