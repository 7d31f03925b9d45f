import { startOrchestrator, type Orchestrator } from '../orchestrator/process.ts'
import type { Worker } from '../worker/worker.ts'
import type { World } from '../world.ts'
import { meddle, PEOPLE } from './people.ts'

/** A great thing that goes wrong for a while. Gives how many seconds it lasts; then `after` is called. */
type Trouble = { weight: number; begin(world: World): { seconds: number; after: () => void } | null }

const once = { seconds: 0, after: () => {} }

/** What can happen to a world as a whole. */
const TROUBLES: Readonly<Record<string, Trouble>> = {
  'orchestrator killed': { weight: 4, begin: (world) => onOrchestrator(world, (one) => world.kernel.kill(one.process)) },
  'orchestrator frozen': { weight: 7, begin: (world) => onOrchestrator(world, (one) => world.kernel.freeze(one.process, world.faults.freezeMs())) },
  'rolling restart': { weight: 3, begin: rollingRestart },
  'worker killed': { weight: 4, begin: (world) => onWorker(world, (one) => world.kernel.kill(one.process)) },
  'worker out of memory': { weight: 1, begin: (world) => onWorker(world, (one) => { one.container.outOfMemory = true; world.kernel.kill(one.process) }) },
  'worker frozen': { weight: 4, begin: (world) => onWorker(world, (one) => world.kernel.freeze(one.process, world.kernel.chance.int(20, 150) * 1000)) },
  'worker frozen for ever': { weight: 1, begin: (world) => onWorker(world, (one) => world.kernel.freeze(one.process, Number.POSITIVE_INFINITY)) },
  'worker cut off': { weight: 4, begin: (world) => onWorker(world, (one) => { one.partitionedUntil = world.kernel.now + world.kernel.chance.int(10, 150) * 1000 }) },
  'engine silent': { weight: 3, begin: (world) => { world.engine.silent = true; return { seconds: world.kernel.chance.int(5, 90), after: () => { world.engine.silent = false } } } },
  'engine restarted': { weight: 2, begin: engineRestarted },
  'engine restarted and its workers dead': { weight: 1, begin: (world) => { for (const one of world.workers) world.kernel.kill(one.process); return once } },
  'stranger on the engine': { weight: 1, begin: stranger },
  'lock table flushed': { weight: 4, begin: (world) => { world.locks.flush(); return once } },
  'lock table away': { weight: 2, begin: (world) => { world.locks.away = true; return { seconds: world.kernel.chance.int(5, 90), after: () => { world.locks.away = false } } } },
  'database away': { weight: 3, begin: (world) => { world.db.away = true; return { seconds: world.kernel.chance.int(2, 40), after: () => { world.db.away = false } } } },
  'forge away': { weight: 2, begin: (world) => { world.forge.away = true; return { seconds: world.kernel.chance.int(5, 60), after: () => { world.forge.away = false } } } },
  'forge says later': { weight: 2, begin: (world) => { world.forge.limitedUntil = world.kernel.now + world.kernel.chance.int(5, 60) * 1000; return once } },
  'clock set anew': { weight: 6, begin: clockSet },
  ...PEOPLE,
}
export const TROUBLE_NAMES: readonly string[] = Object.keys(TROUBLES)
const BAG = Object.entries(TROUBLES).flatMap(([name, { weight }]) => Array.from({ length: weight }, () => name))

/** Lets everything that goes wrong in this world go wrong at its times, and then all go well. */
export function planTroubles(world: World): void {
  const { kernel, settings } = world
  for (let n = 0; n < settings.troubles; n++) kernel.schedule(kernel.chance.int(500, settings.troubleMs), null, 'trouble', () => trouble(world))
  if (settings.meddling) meddle(world)
  kernel.schedule(settings.troubleMs, null, 'from here on all goes well', () => calm(world))
}

function trouble(world: World): void {
  const { kernel } = world
  const name = BAG[kernel.chance.int(0, BAG.length - 1)] ?? ''
  const begun = TROUBLES[name]?.begin(world) ?? null
  if (begun === null) return
  kernel.count(`trouble ${name}`)
  kernel.version++
  kernel.note(`  ${name}`)
  if (begun.seconds > 0) kernel.schedule(begun.seconds * 1000, null, `over: ${name}`, begun.after)
}

function calm(world: World): void {
  const { kernel, engine, db, locks, forge } = world
  world.troubled = false
  engine.silent = false
  engine.hidden.clear()
  db.away = false
  locks.away = false
  forge.away = false
  forge.limitedUntil = 0
  for (const worker of world.workers) worker.partitionedUntil = 0
  for (const orchestrator of world.orchestrators) if (orchestrator.process.frozen) kernel.thaw(orchestrator.process)
  // a limit of the day that is reached is waited out by raising it
  db.limits.dailyIterations = 1000
  kernel.version++
}

function onOrchestrator(world: World, act: (one: Orchestrator) => void): typeof once | null {
  const [first, ...rest] = world.orchestrators.filter((one) => one.process.alive && !one.process.frozen)
  if (!first) return null
  act(world.kernel.chance.pick([first, ...rest]))
  return once
}

function onWorker(world: World, act: (one: Worker) => void): typeof once | null {
  const [first, ...rest] = world.workers.filter((one) => one.process.alive && !one.process.frozen)
  if (!first) return null
  act(world.kernel.chance.pick([first, ...rest]))
  return once
}

function rollingRestart(world: World): typeof once | null {
  return onOrchestrator(world, (old) => {
    if (old.stopping) return
    startOrchestrator(world)
    old.process.onKill = () => {}
    world.run(old.process, old.stop())
  })
}

/** It shows fewer containers than there are, until it has found them all. */
function engineRestarted(world: World): ReturnType<Trouble['begin']> {
  const { engine, kernel } = world
  const share = kernel.chance.pick([0.3, 0.7, 1])
  for (const name of engine.containers.keys()) if (kernel.chance.yes(share)) engine.hidden.add(name)
  return { seconds: kernel.chance.int(2, 25), after: () => engine.hidden.clear() }
}

/** A container of ours that no run needs (an older database was restored). */
function stranger(world: World): typeof once {
  const { engine, kernel } = world
  const name = `worker-0-${kernel.steps}`
  engine.containers.set(name, { name, runId: 0, status: 'running', exitCode: null, outOfMemory: false, process: kernel.newProcess(name) })
  const container = engine.containers.get(name)
  if (container) container.process.onKill = () => { container.status = 'exited' }
  return once
}

function clockSet(world: World): typeof once | null {
  if (!world.settings.clockJumps) return null
  const { db, kernel } = world
  db.offset += kernel.chance.yes(0.5) ? kernel.chance.int(20, 7200) * 1000 : -kernel.chance.int(5, 100) * 1000
  return once
}
