import type { Fate, Faults } from '../kernel/call.ts'
import { Refused } from '../kernel/refused.ts'
import type { Worker } from '../worker/worker.ts'
import type { World } from '../world.ts'

export type WorldFaults = Faults & {
  /** What becomes of a worker's call on its way. */
  apiFate(worker: Worker): 'well' | 'lost_before' | 'lost_after' | 'twice' | 'slow'
  /** Why the engine could not start a worker, if it could not. */
  startTrouble(): Refused | null
}

/** The small things that go wrong: each call on its own. */
export function createFaults(world: World): WorldFaults {
  const { kernel, settings, forge, locks } = world
  const { chance } = kernel
  const { rates } = settings

  function fateOf(what: string): Fate {
    if (!world.troubled) return 'well'
    // the place where it hurts most is visited often
    if (settings.meddling && what === 'move_branch' && chance.yes(0.6)) return 'kill_meanwhile'
    let at = chance.next() * 1000
    if ((at -= rates.lost) < 0) return chance.yes(0.5) ? 'lost_before' : 'lost_after'
    if ((at -= rates.kill) < 0) return chance.pick(['kill_before', 'kill_after', 'kill_meanwhile'])
    if ((at -= rates.freeze) < 0) return chance.yes(0.5) ? 'freeze_before' : 'freeze_after'
    return at < rates.slow ? 'slow' : 'well'
  }

  return {
    fateOf,
    timeoutMs: 5000,
    freezeMs: () => chance.int(settings.leaderSeconds * 1000, settings.leaseSeconds * 1500),
    refusal(port) {
      if (port === 'forge') {
        if (forge.away) return new Refused('unreachable', 'the forge answers 502')
        if (forge.limitedUntil > kernel.now) return counted('rate_limited', new Refused('rate_limited', 'later', forge.limitedUntil + world.db.offset))
        if (world.troubled && chance.yes(rates.refusal / 1000)) return chance.yes(0.04) ? counted('validation', new Refused('validation', 'the forge refuses it')) : counted('502', new Refused('unreachable', 'the forge answers 502'))
      }
      if (port === 'locks' && !locks.away && world.troubled && chance.yes(rates.refusal / 4000)) return counted('locks', new Refused('away', 'the lock table is away'))
      return null
    },
    apiFate(worker) {
      if (worker.partitionedUntil > kernel.now) return chance.yes(0.5) ? 'lost_before' : 'lost_after'
      const fate = fateOf('api')
      if (fate === 'lost_before' || fate === 'lost_after' || fate === 'slow') return fate
      return fate === 'well' ? fate : 'twice'
    },
    startTrouble() {
      if (!world.troubled || rates.lost === 0) return null
      const at = chance.next()
      if (at < 0.006) return counted('image', new Refused('image_unusable', 'there is no such image'))
      return at < 0.03 ? counted('start', new Refused('start_failed', 'the engine could not start it')) : null
    },
  }

  function counted(what: string, refused: Refused): Refused {
    kernel.count(`refused ${what}`)
    return refused
  }
}
