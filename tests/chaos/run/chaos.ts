import { check } from '../check/check.ts'
import type { Violation } from '../check/facts.ts'
import { FAULTS, isOfProcess, planFaults, planItems, REPOSITORIES, repoName, type FaultKind, type PlannedFault, } from '../plan.ts'
import { pause } from '../until.ts'
import { openWorld, type World, type WorldOptions } from '../world/world.ts'
import { askForAll } from './ask.ts'
import { cpuSeconds } from './cpu.ts'
import { freeWaiting } from './free-waiting.ts'
import { inject } from './inject.ts'
import { observe } from './observe.ts'
import { raiseBudget } from './raise-budget.ts'

export type ChaosOptions = WorldOptions & {
  say: (line: string) => void
  /** After so long it stops and looks at what is there. */
  limitMs: number
  /** Somebody wants it to stop. */
  signal?: AbortSignal
}

export type ChaosReport = {
  seed: number
  items: number
  without: string | null
  /** From the first item that was asked for to the last thing that was cleaned up. */
  seconds: number
  /** Processor time of everything but PostgreSQL, in seconds: what it takes on a machine that others use, too. */
  cpuSeconds: number
  /** What was done to the factory. */
  faults: Partial<Record<FaultKind, number>>
  killsAndFreezes: number
  /** How the forge answered. */
  forge: Record<string, number>
  itemsBy: Record<string, number>
  /** Why items failed. */
  failures: Record<string, number>
  runsBy: Record<string, number>
  pulls: number
  /** How runs that did not succeed ended, and the last that their workers said. */
  trouble: Record<string, number>
  /** Orchestrators that ended by themselves. */
  deaths: readonly { code: number; said: string }[]
  violations: readonly Violation[]
}

/** Two faults are never closer than this: each gets something to break. Milliseconds. */
const GAP_MS = 120
/** How often a person looks for items that wait for a file. */
const FREE_MS = 3000
/** How long a factory that has nothing more to do may take to clean up after itself. */
const TIDY_MS = 20_000

/** One run of the chaos suite: asks for work, breaks things by the seed's schedule, and looks what became of it. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { items: count, seed, variant, say } = options
  const items = planItems(seed, count)
  const schedule = planFaults(seed, count, options)
  say(`seed ${seed}: ${count} items, ${schedule.filter(({ kind }) => isOfProcess(kind)).length} kills and freezes, ${schedule.length} faults${variant === 'whole' ? '' : `, without ${variant}`}`)
  const world = await openWorld(options)
  try {
    const began = performance.now()
    const cpuBefore = cpuSeconds()
    const giveUpAt = began + options.limitMs
    const late = () => performance.now() > giveUpAt || options.signal?.aborted === true
    const done: { fault: PlannedFault; hit: string }[] = []
    const asking = askForAll(world, items, late)
    const striking = strikeAll(world, schedule, late, (fault, hit) => {
      if (hit !== null) done.push({ fault, hit })
      say(`${((performance.now() - began) / 1000).toFixed(1)} s, ${finished(world)} of ${count}: ${fault.kind} ${hit ?? 'hit nothing'}${fault.ms > 0 ? ` for ${fault.ms} ms` : ''}`)
    })
    await Promise.all([asking, striking])
    await standStill(world, count, late)
    const seconds = Math.round((performance.now() - began) / 100) / 10
    const deaths = [...world.fleet.deaths()]
    await world.fleet.stop()
    const facts = await observe({ ...world, repositories: Array.from({ length: REPOSITORIES }, (_, index) => repoName(index)), keys: world.redis.keys }, items)
    const kinds = countBy(done.map(({ fault }) => fault.kind))
    return {
      seed,
      items: count,
      without: variant === 'whole' ? null : variant,
      seconds,
      cpuSeconds: Math.round(cpuSeconds() - cpuBefore),
      faults: Object.fromEntries(FAULTS.flatMap((kind) => (kinds[kind] ? [[kind, kinds[kind]]] : []))),
      killsAndFreezes: done.filter(({ fault }) => isOfProcess(fault.kind)).length,
      forge: { ...world.forge.faultRates()?.counts },
      itemsBy: countBy(facts.items.map(({ status }) => status)),
      failures: countBy(facts.items.flatMap((item) => (item.status === 'failed' ? [`${String(item['failure_code'])}: ${String(item['failure_message']).replaceAll(/\d+/g, '#')}`] : []))),
      runsBy: countBy(facts.runs.map(({ kind, status }) => `${kind} ${status}`)),
      pulls: facts.pulls.length,
      trouble: countBy(facts.runs.flatMap((run) => (run.status === 'succeeded' ? [] : [`${run.status}: ${run.outcome?.message ?? 'no word'}: ${(run.log_tail ?? '').trim().split('\n').at(-1)?.slice(0, 200) ?? ''}`]))),
      deaths,
      violations: check(facts),
    }
  } finally {
    await world.close()
  }
}

/** How many items the forge has pull requests for: progress that does not ask those who are being killed. */
function finished({ forge }: World): number {
  return Array.from({ length: REPOSITORIES }, (_, index) => Object.keys(forge.pullsPerHead(repoName(index))).length).reduce((a, b) => a + b, 0)
}

/** Each fault once so much is done; when nothing more gets done for a while, the next one all the same. */
async function strikeAll(world: World, schedule: readonly PlannedFault[], late: () => boolean, tell: (fault: PlannedFault, hit: string | null) => void): Promise<void> {
  const budget = setInterval(() => void raiseBudget(world, Math.ceil(world.limits.dailyIterations / 2)).catch(() => {}), 300)
  try {
    const struck = new Set<string>()
    for (const fault of schedule) {
      while (finished(world) < fault.after && !late()) await pause(20)
      if (late()) return
      tell(fault, await inject(world, fault, struck))
      await pause(GAP_MS)
    }
  } finally {
    clearInterval(budget)
  }
}

/** Waits until everything came to an end and was cleaned up after. What does not is for the checks to name. */
async function standStill(world: World, count: number, late: () => boolean): Promise<void> {
  const { sql } = world.db
  let tidyUntil = Infinity
  let freed = 0
  while (!late() && performance.now() < tidyUntil) {
    await raiseBudget(world, Math.ceil(world.limits.dailyIterations / 2)).catch(() => {})
    if (performance.now() - freed > FREE_MS) {
      freed = performance.now()
      await freeWaiting(world).catch(() => {})
    }
    const rows = await sql<{ ended: number; unsettled: number }[]>`
      select (select count(*)::integer from work_items where status in ('completed', 'failed')) ended, (select count(*)::integer from runs where cleaned_at is null) unsettled`.catch(() => [])
    const [row] = rows
    if (row && row.ended >= count && row.unsettled === 0) return
    if (row && row.ended >= count && tidyUntil === Infinity) tidyUntil = performance.now() + TIDY_MS
    await pause(100)
  }
}

function countBy(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1
  return counts
}
