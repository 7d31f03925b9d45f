import { containers, killContainer, pauseContainer } from '../world/containers.ts'
import { readJournal } from './journal.ts'
import { liveWorkers } from '../world/workers.ts'
import type { World } from '../world/world.ts'
import type { FaultKind, PlannedFault } from '../plan.ts'
import { pause } from '../until.ts'

/** How long a fault waits for something that it could hit. Milliseconds. */
const PATIENCE_MS = 3000

/** Does one thing to the factory. Returns what was hit; null: there was nothing to hit. `struck`: workers that had their share. */
export async function inject(world: World, fault: PlannedFault, struck: Set<string>): Promise<string | null> {
  const until = performance.now() + PATIENCE_MS
  const seen = world.forge.requests.length
  for (;;) {
    const hit = await strike(world, fault, seen, struck)
    if (hit !== null || performance.now() > until) return hit
    await pause(10)
  }
}

async function strike(world: World, { kind, pick, ms }: PlannedFault, seen: number, struck: Set<string>): Promise<string | null> {
  switch (kind) {
    case 'worker.kill':
    case 'worker.kill-tree':
    case 'worker.freeze':
      return world.containers ? hitContainer(world, kind, pick, ms) : hitWorker(world, kind, pick, ms, struck)
    case 'publisher.kill':
    case 'publisher.freeze':
      // in the middle of a step: the forge has got a call that changes something, and works on it
      if (!world.forge.requests.slice(seen).some(({ method, path }) => method === 'PATCH' || (method === 'POST' && /\/(pulls|git-receive-pack)$/.test(path)))) return null
      return hitOrchestrator(world, 'leader', kind, ms)
    case 'leader.kill':
    case 'leader.freeze':
      return hitOrchestrator(world, 'leader', kind, ms)
    case 'follower.kill':
    case 'follower.freeze':
      return hitOrchestrator(world, 'follower', kind, ms)
    case 'postgres.crash':
      await world.postgres.crash()
      return 'PostgreSQL'
    case 'redis.flush':
      await world.redis.flush()
      return 'Redis'
    case 'redis.crash':
      await world.redis.crash(ms)
      return 'Redis'
    default:
      return kind satisfies never
  }
}

function hitWorker(world: World, kind: FaultKind, pick: number, ms: number, struck: Set<string>): string | null {
  // One that is frozen in the middle of its work has something to do when it thaws.
  const busy = kind === 'worker.freeze' ? atWork(world.journal) : null
  const workers = liveWorkers(world.workersDir).filter(({ name }) => !struck.has(name) && (busy === null || busy.has(name)))
  const worker = workers[Math.floor(pick * workers.length)]
  if (!worker) return null
  struck.add(worker.name)
  const all = [worker.wrapper, ...worker.pids]
  if (kind === 'worker.kill') send(worker.pids, 'SIGKILL')
  else if (kind === 'worker.kill-tree') send(all, 'SIGKILL')
  else {
    send(all, 'SIGSTOP')
    setTimeout(() => send(all, 'SIGCONT'), ms)
  }
  return worker.name
}

/** Names of the workers whose last word in the journal is that they work. */
function atWork(journal: string): Set<string> {
  const last = new Map<string, string>()
  for (const { itemId, token, what } of readJournal(journal)) last.set(`factory-worker-${itemId}-${token}`, what)
  return new Set([...last].flatMap(([name, what]) => (what === 'works' ? [name] : [])))
}

async function hitContainer(world: World, kind: FaultKind, pick: number, ms: number): Promise<string | null> {
  const names = await containers(world.instance, 'running')
  const name = names[Math.floor(pick * names.length)]
  if (!name) return null
  if (kind === 'worker.freeze') return (await pauseContainer(name, ms)) ? name : null
  return (await killContainer(name)) ? name : null
}

async function hitOrchestrator(world: World, which: 'leader' | 'follower', kind: FaultKind, ms: number): Promise<string | null> {
  const leader = await leaderPid(world)
  const awake = world.fleet.members().filter((member) => !member.frozen)
  const target = awake.find(({ pid }) => (pid === leader) === (which === 'leader'))
  if (!target) return null
  if (kind.endsWith('.kill')) world.fleet.kill(target.pid)
  else world.fleet.freeze(target.pid, ms)
  return `orchestrator ${target.index}`
}

/** Who leads, by the database: the holder's name has the process in its middle. null: nobody does, or nobody can say. */
async function leaderPid({ db }: World): Promise<number | null> {
  const rows = await db.sql<{ holder: string | null }[]>`select holder from leader where expires_at > clock_timestamp()`.catch(() => [])
  const pid = Number(rows[0]?.holder?.split(':').at(-2))
  return Number.isSafeInteger(pid) ? pid : null
}

function send(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {
      // It ended between the look and the signal.
    }
  }
}
