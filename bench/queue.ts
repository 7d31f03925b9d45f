import { emptyDatabase } from '../packages/orchestrator/src/db/testing.ts'
import { against, percentile, type Figure } from './figure.ts'
import type { Contestant } from './queue-contestant.ts'
import { openFactory } from './queue-factory.ts'
import { openGraphile } from './queue-graphile.ts'
import { openPgBoss } from './queue-pg-boss.ts'
import { claimed, inTurn, measureRound, paired, ROUNDS, type Round } from './queue-rounds.ts'

const DEPTHS = [1000, 100_000, 1_000_000]
const BACKLOG = { blockedRepos: 10, blockedEach: 10_000, readyRepos: 50, readyEach: 1000 }
/** In each repository that is ready, one slot. */
const BACKLOG_ALIVE = 40

type Database = { drop(): Promise<void>; all: Contestant[] }

/**
 * Our queue, pg-boss and graphile-worker on one PostgreSQL, a database for each depth, all three side by side
 * in it; rounds go over depths and queues in turn. What is compared is not alike: theirs is a claim; ours is
 * that and the budget, the cooldown, the repository's slot, the files, the token and the record of it in the
 * same transaction, one caller at a time, because no limit may be overshot.
 */
export async function run(): Promise<Figure[]> {
  const figures = await atDepths()
  return [...figures, ...(await behindBacklog())]
}

async function open(): Promise<Database> {
  const { url, drop } = await emptyDatabase()
  const all: Contestant[] = []
  const close = async () => {
    for (const one of all.splice(0)) await one.close()
    // the peers' driver says "closed" before the server has; dropping the database then makes it print each connection's end
    await Bun.sleep(1000)
    await drop()
  }
  try {
    for (const opens of [openFactory, openPgBoss, openGraphile]) all.push(await opens(url))
    return { drop: close, all }
  } catch (error) {
    await close()
    throw error
  }
}

async function atDepths(): Promise<Figure[]> {
  const databases: Database[] = []
  try {
    for (const depth of DEPTHS) {
      const database = await open()
      databases.push(database)
      await Promise.all(
        database.all.map(async (one) => {
          await one.fill(depth)
          await one.vacuum()
        }),
      )
    }
    const found = await inTurn(databases.flatMap(({ all }) => all), ROUNDS, measureRound)
    const rounds = (depth: number, name: Contestant['name']): Round[] => {
      const of = databases[depth]?.all.find((one) => one.name === name)
      return (of && found.get(of)) ?? []
    }
    return [
      ...DEPTHS.flatMap((depth, index) => beside(`${depth.toLocaleString('en')} queued`, (name) => rounds(index, name))),
      ...(['claim', 'batches', 'scheduler', 'alone'] as const).map((key) =>
        paired(`${WHAT[key]}: 1,000,000 queued against 1,000`, rounds(2, 'factory').map((one) => one[key]), '/s', '1,000', rounds(0, 'factory').map((one) => one[key])),
      ),
    ]
  } finally {
    for (const database of databases) await database.drop()
  }
}

const WHAT = {
  enqueue: 'enqueue, 8 connections',
  claim: 'claim one, 8 connections',
  batches: 'claim 8 in a call, 8 connections',
  scheduler: 'claim 64 in a call, 1 connection',
  alone: 'full admission (2 files named), 1 client',
  life: 'claim and end, 1 client',
  lives: 'claim and end, 8 at once, their best way',
} as const

function beside(where: string, rounds: (name: Contestant['name']) => Round[]): Figure[] {
  const ours = rounds('factory')
  return (['pg-boss', 'graphile-worker'] as const).flatMap((peer) => {
    const theirs = rounds(peer)
    const rates = Object.entries(WHAT).map(([key, what]) => {
      const pick = (one: Round): number => one[key as keyof typeof WHAT]
      return paired(`${where}: ${what}`, ours.map(pick), '/s', peer, theirs.map(pick))
    })
    // one scheduler admits all that have room in one call; their workers ask for themselves
    const usual = paired(`${where}: each in its usual way (64 in a call; 8 connections, one by one)`, ours.map((one) => one.scheduler), '/s', peer, theirs.map((one) => one.claim))
    const all = (of: readonly Round[]): number[] => of.flatMap((one) => one.latencies)
    return [usual, ...rates, ...[0.5, 0.99].map((p) => against(`${where}: enqueue to claimed, p${p * 100}`, percentile(all(ours), p), 'ms', peer, percentile(all(theirs), p)))]
  })
}

/** 100,000 that wait for a slot of their repository, all of them ahead of 50,000 in others that are ready. */
async function behindBacklog(): Promise<Figure[]> {
  const { all, drop } = await open()
  try {
    for (const one of all) {
      await one.block(BACKLOG)
      await one.vacuum()
    }
    const found = await inTurn(all, ROUNDS, (of) => claimed(of, 1, BACKLOG_ALIVE, 1))
    const of = (name: Contestant['name']): number[] => [...found].find(([one]) => one.name === name)?.[1] ?? []
    return (['pg-boss', 'graphile-worker'] as const).map((peer) => paired('claims behind 100,000 that are blocked', of('factory'), '/s', peer, of(peer)))
  } finally {
    await drop()
  }
}
