import type { Limits } from '../../packages/orchestrator/src/queue/order.ts'
import { createChance } from './kernel/chance.ts'

/** Parts of the protocol that can be left out, to see that the invariants notice. */
export const MUTATIONS = {
  fencing: 'a run speaks with any token, also after its end',
  epoch: 'transactions of a leader check no epoch, and it looks at no clock of its own',
  death: 'the reaper gives an item away without ending its worker first',
  outbox: 'the end of a verification opens the pull request itself',
  cas: 'branches are moved from wherever they stand',
  trust: 'a worker trusts itself until somebody contradicts it',
  silence: 'an engine that does not answer counts as one without workers',
  mirror: 'locks are asked of the lock table alone',
  recheck: 'locks are written down without another look at the run, which may have ended since it asked',
  prompt: 'an orchestrator takes over the time of an answer that waited for it while it was frozen',
  lateness: 'a renewal that was held back takes back a lease that was given since',
} as const
export type Mutation = keyof typeof MUTATIONS

/** How often a call goes wrong in which way, in thousandths. */
export type Rates = { lost: number; kill: number; freeze: number; slow: number; refusal: number }

/** One small world. Times in seconds unless they say otherwise; smaller than in production, in the same proportions. */
export type Settings = {
  seed: number
  without: ReadonlySet<Mutation>
  startsAt: number
  items: number
  repos: number
  orchestrators: number
  limits: Limits
  maxIterations: number
  maxAttempts: number
  maxLosses: number
  leaseSeconds: number
  heartbeatSeconds: number
  leaderSeconds: number
  lockSeconds: number
  tickMs: number
  backoffSeconds: number
  rates: Rates
  /** How long things go wrong, and how many of the great things. */
  troubleMs: number
  troubles: number
  /** A person who changes their mind whenever something is being published. */
  meddling: boolean
  /** Clocks are set anew in this world: real time and the database's are not the same. */
  clockJumps: boolean
}

const DAY = 86_400_000

export function drawSettings(seed: number, without: ReadonlySet<Mutation>): Settings {
  const chance = createChance(seed ^ 0x5eed)
  const rough = chance.pick(['calm', 'rough', 'rough', 'wild'] as const)
  const rates: Rates =
    rough === 'calm'
      ? { lost: 0, kill: 0, freeze: 0, slow: 2, refusal: 0 }
      : rough === 'rough'
        ? { lost: 8, kill: 4, freeze: 6, slow: 10, refusal: 20 }
        : { lost: 25, kill: 12, freeze: 14, slow: 30, refusal: 80 }
  const meddling = rough !== 'calm' && chance.yes(0.2)
  return {
    seed,
    without,
    // some worlds begin a few minutes before midnight
    startsAt: Date.UTC(2026, 4, 5) + DAY - (chance.yes(0.3) ? chance.int(30, 300) * 1000 : chance.int(3_600_000, DAY)),
    items: chance.int(2, 6),
    repos: chance.int(1, 2),
    orchestrators: chance.pick([1, 2, 2, 3]),
    limits: {
      maxWorkers: chance.pick([1, 2, 3, 4, 6]),
      maxWorkersPerRepo: chance.pick([0, 0, 1, 2]),
      dailyIterations: chance.pick([6, 15, 40, 40]),
      cooldownSeconds: chance.pick([0, 0, 3]),
      ageHours: 6,
    },
    maxIterations: chance.int(2, 4),
    maxAttempts: chance.int(1, 3),
    maxLosses: chance.int(3, 6),
    leaseSeconds: 60,
    heartbeatSeconds: 15,
    leaderSeconds: 15,
    lockSeconds: 1800,
    tickMs: 4000,
    backoffSeconds: 4,
    rates,
    troubleMs: chance.int(60, 240) * (meddling ? 2000 : 1000),
    troubles: rough === 'calm' ? chance.int(0, 3) : chance.int(2, 9),
    meddling,
    clockJumps: chance.yes(0.12),
  }
}
