import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pause, until } from '../until.ts'

export type Member = { index: number; pid: number; url: string; frozen: boolean }

export type Fleet = {
  urls: readonly string[]
  /** Those that run now, frozen or not. */
  members(): Member[]
  /** SIGKILL; another takes its place a moment later, as a supervisor would start it. */
  kill(pid: number): void
  /** SIGSTOP, and SIGCONT after a while. */
  freeze(pid: number, ms: number): void
  /** Those that ended by themselves, which none is expected to: their exit codes and last words. */
  deaths(): readonly { code: number; said: string }[]
  /** Lets each end in order (SIGTERM). @throws Error when one does not */
  stop(): Promise<void>
}

export type FleetOptions = { ports: readonly number[]; env: Record<string, string>; dir: string }

/** How long a supervisor waits before it starts one again. Milliseconds. */
const RESTART_MS = 150

/** Several orchestrators of one factory, as processes of their own; one that is gone is started again. */
export async function startFleet({ ports, env, dir }: FleetOptions): Promise<Fleet> {
  const slots = ports.map((port, index) => ({ index, url: `http://127.0.0.1:${port}`, child: null as Bun.Subprocess | null, frozen: false, expected: false }))
  const deaths: { code: number; said: string }[] = []
  let stopping = false

  const logOf = (index: number) => join(dir, `orchestrator-${index}.log`)
  const lastWords = (index: number) => readFileSync(logOf(index), 'utf8').slice(-2000)
  const launch = (slot: (typeof slots)[number]): void => {
    const log = openSync(logOf(slot.index), 'a')
    const child = Bun.spawn([process.execPath, '--no-env-file', join(import.meta.dir, 'orchestrator-main.ts')], {
      env: { ...env, ORCHESTRATOR_PORT: new URL(slot.url).port },
      cwd: dir,
      stdin: 'ignore',
      stdout: log,
      stderr: log,
    })
    closeSync(log)
    slot.child = child
    slot.frozen = false
    slot.expected = false
    void child.exited.then(async (code) => {
      slot.child = null
      if (stopping) return
      if (!slot.expected) deaths.push({ code, said: lastWords(slot.index) })
      await pause(RESTART_MS)
      if (stopping) return
      launch(slot)
    })
  }
  const slotOf = (pid: number) => slots.find((slot) => slot.child?.pid === pid)
  const signal = (pid: number, name: NodeJS.Signals) => void (slotOf(pid) && process.kill(pid, name))

  const fleet: Fleet = {
    urls: slots.map(({ url }) => url),
    members: () => slots.flatMap(({ index, url, child, frozen }) => (child ? [{ index, pid: child.pid, url, frozen }] : [])),
    kill(pid) {
      const slot = slotOf(pid)
      if (!slot) return
      slot.expected = true
      signal(pid, 'SIGKILL')
    },
    freeze(pid, ms) {
      const slot = slotOf(pid)
      if (!slot) return
      slot.frozen = true
      signal(pid, 'SIGSTOP')
      setTimeout(() => {
        if (slotOf(pid) === slot) slot.frozen = false
        signal(pid, 'SIGCONT')
      }, ms)
    },
    deaths: () => deaths,
    async stop() {
      stopping = true
      for (const { child } of slots) {
        if (!child) continue
        process.kill(child.pid, 'SIGCONT')
        process.kill(child.pid, 'SIGTERM')
        const late = setTimeout(() => child.kill('SIGKILL'), 20_000)
        await child.exited
        clearTimeout(late)
      }
    },
  }
  for (const slot of slots) launch(slot)
  try {
    await until(async () => (await Promise.all(slots.map(({ url }) => fetch(`${url}/health`).then(({ ok }) => ok)))).every(Boolean), () => 'the orchestrators to answer', 30_000)
    return fleet
  } catch (error) {
    await fleet.stop()
    throw new Error(`the orchestrators did not start: ${lastWords(0)}`, { cause: error })
  }
}
