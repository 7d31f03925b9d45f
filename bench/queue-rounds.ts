import { LANES, MOST, over, type Contestant } from './queue-contestant.ts'
import { percentile, round, type Figure } from './figure.ts'

export const ROUNDS = 5
/** Claimed between two clearings: as many runs are alive at most, in ours, as a large factory has workers. */
const ALIVE = MOST
const CLEARINGS = 4
const URGENT = 40
/** Calls that brought nothing: after so many the queue is taken to be empty. */
const EMPTY_AT_MOST = 1000

/** What one round measured of one contestant: a second's worth of each, and milliseconds from "enqueue" called to claimed. */
export type Round = { enqueue: number; claim: number; batches: number; scheduler: number; alone: number; life: number; lives: number; latencies: number[] }

/** One round at a depth; what was taken is filled up again after each measure. */
export async function measureRound(of: Contestant): Promise<Round> {
  const enqueue = perSecond(ALIVE * 2, await over(LANES, ALIVE * 2, () => of.enqueue(false)))
  const claim = await claimed(of, 1)
  await of.fill(ALIVE * (CLEARINGS - 2))
  const batches = await claimed(of, LANES)
  await of.fill(ALIVE * CLEARINGS)
  const scheduler = await claimed(of, ALIVE, ALIVE, CLEARINGS, 1)
  await of.fill(ALIVE * CLEARINGS)
  await of.fill(ALIVE, true)
  const ids: string[] = []
  const alone = perSecond(ALIVE, await over(1, ALIVE, async () => ids.push(...(await of.claim(1)))))
  await of.finish(ids)
  const latencies: number[] = []
  for (let sample = 0; sample < URGENT; sample++) {
    const began = performance.now()
    await of.enqueue(true)
    const taken = await of.claim(1)
    latencies.push(performance.now() - began)
    await of.finish(taken)
  }
  const life = perSecond(ALIVE, await of.live(ALIVE, 1))
  await of.fill(ALIVE)
  const lives = perSecond(ALIVE * CLEARINGS, await of.live(ALIVE * CLEARINGS, LANES))
  await of.fill(ALIVE * CLEARINGS)
  return { enqueue, claim, batches, scheduler, alone, life, lives, latencies }
}

/** Claims a second by so many lanes, `size` in one call; ending what was claimed is not counted. */
export async function claimed(of: Contestant, size: number, alive = ALIVE, clearings = CLEARINGS, lanes = LANES): Promise<number> {
  let ms = 0
  let count = 0
  for (let clearing = 0; clearing < clearings; clearing++) {
    const ids: string[] = []
    const began = performance.now()
    let asked = 0
    let empty = 0
    await over(lanes, lanes, async () => {
      while (asked + size <= alive && empty < EMPTY_AT_MOST) {
        asked += size
        const taken = await of.claim(size)
        ids.push(...taken)
        // a call can come back with less because others hold what it would have taken; a runner asks again then
        asked -= size - taken.length
        if (taken.length === 0) empty += 1
      }
    })
    ms += performance.now() - began
    if (ids.length <= alive - size) throw new Error(`${of.name} gave ${ids.length} of ${alive} jobs`)
    count += ids.length
    await of.finish(ids)
  }
  return perSecond(count, ms)
}

const perSecond = (count: number, ms: number): number => count / (ms / 1000)

/** Runs `measure` of each contestant in turn, each round beginning with another one; the first fills caches and is not counted. */
export async function inTurn<T>(all: readonly Contestant[], rounds: number, measure: (of: Contestant) => Promise<T>): Promise<Map<Contestant, T[]>> {
  const found = new Map<Contestant, T[]>(all.map((one) => [one, []]))
  for (let turn = 0; turn <= rounds; turn++) {
    for (let place = 0; place < all.length; place++) {
      const of = all[(place + turn) % all.length]
      if (!of) continue
      const measured = await measure(of)
      if (turn > 0) found.get(of)?.push(measured)
    }
  }
  return found
}

/** Ours beside one peer: medians, and as the ratio the median of the ratios of each round's pair. */
export function paired(name: string, ours: readonly number[], unit: string, peer: string, theirs: readonly number[]): Figure {
  const ratios = ours.map((value, index) => value / (theirs[index] ?? Number.NaN))
  return { name, value: round(percentile(ours, 0.5)), unit, peer, peerValue: round(percentile(theirs, 0.5)), ratio: round(percentile(ratios, 0.5)) }
}
