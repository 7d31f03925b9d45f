import { isGitPath } from './http-backend.ts'

/** Shares of all requests, each from 0 to 1 and together at most 1, that go wrong, and how. */
export type FaultShares = {
  /** Answered 502, and not done. */
  refuse?: number
  /** Done, and then answered 502. */
  executeThenFail?: number
  /** Not done, and never answered: the caller's own time limit has to end it. */
  hang?: number
  /** Done, and never answered. */
  executeThenHang?: number
}

export type FaultRates = FaultShares & {
  /** The same seed gives the same fates. */
  seed: number
  /** Which doors go wrong; nothing: both. */
  on?: readonly ('rest' | 'git')[]
  /** A hung connection breaks after so many milliseconds; nothing: when the caller goes. */
  hangMs?: number
}

export type Fate = 'well' | keyof FaultShares
/** How many requests met which fate since the rates were set. */
export type FateCounts = Record<Fate, number>

/**
 * What becomes of the `nth` request (from 0) of its method and path. It depends on nothing but these
 * and the seed: in whatever order requests of several callers arrive, a replay meets the same fates.
 */
export function fateOf(rates: FaultRates, method: string, path: string, nth: number): Fate {
  if (!(rates.on ?? ['rest', 'git']).includes(isGitPath(path) ? 'git' : 'rest')) return 'well'
  let left = chance(`${rates.seed} ${method.toUpperCase()} ${path} ${nth}`)
  for (const fate of ['refuse', 'executeThenFail', 'hang', 'executeThenHang'] as const) {
    left -= rates[fate] ?? 0
    if (left < 0) return fate
  }
  return 'well'
}

export type Fates = { rates: FaultRates; counts: FateCounts; next(method: string, path: string): Fate }

/** Rates with their memory of what has arrived. */
export function createFates(rates: FaultRates): Fates {
  const arrived = new Map<string, number>()
  const counts: FateCounts = { well: 0, refuse: 0, executeThenFail: 0, hang: 0, executeThenHang: 0 }
  return {
    rates,
    counts,
    next(method, path) {
      const key = `${method} ${path}`
      const nth = arrived.get(key) ?? 0
      arrived.set(key, nth + 1)
      const fate = fateOf(rates, method, path, nth)
      counts[fate] += 1
      return fate
    },
  }
}

/** FNV-1a over the text, mixed as murmur3 ends: a number in [0, 1) that looks drawn by lot. */
function chance(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 4_294_967_296
}
