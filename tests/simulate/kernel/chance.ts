/** All chance of a simulated world: one 32-bit generator (mulberry32), so that a seed is the whole world. */
export type Chance = {
  /** 0 ≤ x < 1 */
  next(): number
  /** min ≤ x ≤ max, whole */
  int(min: number, max: number): number
  yes(probability: number): boolean
  pick<T>(list: readonly [T, ...T[]]): T
}

export function createChance(seed: number): Chance {
  let state = (seed * 0x9e3779b9 + 0x7f4a7c15) | 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  // neighbouring seeds begin alike without this
  next()
  next()
  const int = (min: number, max: number) => min + Math.floor(next() * (max - min + 1))
  return { next, int, yes: (probability) => next() < probability, pick: (list) => list[int(0, list.length - 1)] ?? list[0] }
}
