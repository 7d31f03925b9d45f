import { createFates, type FateCounts, type FaultRates, type Fates } from './fault-rates.ts'

/** Which requests a fault hits: everything given must fit. Paths are those below the API's address (`/repos/o/r/pulls`) or git's (`/o/r.git/git-receive-pack`). */
export type FaultMatch = {
  method?: string
  /** `*` is one part of a path, `**` any rest; or a regular expression. */
  path?: string | RegExp
}

export type FaultRule = {
  match?: FaultMatch
  /** Answer with this status instead of doing it … */
  status?: number
  message?: string
  headers?: Record<string, string>
  /** … with this JSON as the body: a list that lags behind is `{ status: 200, body: [] }` … */
  body?: unknown
  /** … or as GitHub's secondary rate limit does, with `Retry-After` in seconds … */
  secondaryRateLimit?: number
  /** … or do not answer: for so many milliseconds, then break the connection (`true`: until the caller goes). */
  timeout?: number | true
  /** Do it, and only then answer with the status (502 unless given) or the timeout. */
  executeThenFail?: boolean
  /** How many requests it hits before it is used up; nothing: every one. */
  times?: number
  /** Hits by chance instead of always; the same seed gives the same sequence. */
  probability?: number
  seed?: number
}

export type Fault = { rule: FaultRule; hits: number; remove(): void }

export type Faults = {
  add(rule: FaultRule): Fault
  /** From now on requests go wrong by chance, besides the rules; null: no longer. */
  setRates(rates: FaultRates | null): void
  /** The rates now, and what they did so far. */
  rates(): { rates: FaultRates; counts: FateCounts } | null
  /** Rules and rates. */
  clear(): void
  list(): readonly Fault[]
  /** Answers a request by `handle`, unless a fault has something else in mind. */
  around(request: Request, path: string, handle: () => Promise<Response>): Promise<Response>
}

export function createFaults(): Faults {
  let active: { fault: Fault; chance: () => number }[] = []
  let fates: Fates | null = null
  const take = (method: string, path: string): FaultRule | null => {
    for (const { fault, chance } of active) {
      const { rule } = fault
      if (rule.times !== undefined && fault.hits >= rule.times) continue
      if (!fits(rule.match ?? {}, method, path)) continue
      if (rule.probability !== undefined && chance() >= rule.probability) continue
      fault.hits += 1
      return rule
    }
    return null
  }
  return {
    add(rule) {
      const fault: Fault = { rule, hits: 0, remove: () => void (active = active.filter((one) => one.fault !== fault)) }
      active.push({ fault, chance: generator(rule.seed ?? 1) })
      return fault
    },
    setRates: (rates) => void (fates = rates && createFates(rates)),
    rates: () => fates && { rates: fates.rates, counts: fates.counts },
    clear() {
      active = []
      fates = null
    },
    list: () => active.map(({ fault }) => fault),
    async around(request, path, handle) {
      const rule = take(request.method, path) ?? (fates && ruleOf(fates, request.method, path))
      if (!rule) return handle()
      if (rule.executeThenFail) await (await handle()).arrayBuffer()
      if (rule.timeout !== undefined) return silence(rule.timeout, request.signal)
      return toResponse(rule)
    },
  }
}

function ruleOf(fates: Fates, method: string, path: string): FaultRule | null {
  const timeout = fates.rates.hangMs ?? true
  switch (fates.next(method, path)) {
    case 'well':
      return null
    case 'refuse':
      return { status: 502 }
    case 'executeThenFail':
      return { executeThenFail: true }
    case 'hang':
      return { timeout }
    case 'executeThenHang':
      return { timeout, executeThenFail: true }
  }
}

/** Pure: does a request fit? */
export function fits(match: FaultMatch, method: string, path: string): boolean {
  if (match.method !== undefined && match.method.toUpperCase() !== method.toUpperCase()) return false
  if (match.path === undefined) return true
  return (typeof match.path === 'string' ? glob(match.path) : match.path).test(path)
}

function glob(text: string): RegExp {
  const parts = text.split(/(\*\*|\*)/).map((part) => (part === '**' ? '.*' : part === '*' ? '[^/]+' : part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&')))
  return new RegExp(`^${parts.join('')}$`)
}

function toResponse(rule: FaultRule): Response {
  if (rule.secondaryRateLimit !== undefined) {
    const message = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.'
    return Response.json({ message, documentation_url: 'https://docs.github.com/rest/overview/rate-limits-for-the-rest-api', status: String(rule.status ?? 403) }, { status: rule.status ?? 403, headers: { 'retry-after': String(rule.secondaryRateLimit) } })
  }
  const status = rule.status ?? 502
  if (rule.body !== undefined) return Response.json(rule.body, { status, headers: rule.headers ?? {} })
  return Response.json({ message: rule.message ?? (status >= 500 ? 'Server Error' : 'A fault of the rehearsal'), status: String(status) }, { status, headers: rule.headers ?? {} })
}

/** An answer that never comes. Its body breaks at the end, so that the connection does too. */
function silence(limit: number | true, signal: AbortSignal): Promise<Response> {
  return new Promise((answer) => {
    const end = () => {
      clearTimeout(timer)
      answer(new Response(new ReadableStream({ pull: (controller) => controller.error() })))
    }
    const timer = limit === true ? undefined : setTimeout(end, limit)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}

/** Mulberry32: small, and the same everywhere. */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
