import { readdirSync, readFileSync } from 'node:fs'
import type { WorkerRuntime, WorkerSpec, WorkerState } from './worker-runtime.ts'

/** What the parts of the contract suite work with. */
export type RuntimeKit = {
  /** A worker to start, under a name of its own. */
  spec(overrides?: Partial<WorkerSpec>): WorkerSpec
  /** A fresh adapter whose workers execute the script; what it starts is removed after the test. */
  open(script: string, instance?: string): WorkerRuntime
  find(runtime: WorkerRuntime, name: string): Promise<WorkerState | undefined>
  /** Waits for the end of a worker. */
  exited(runtime: WorkerRuntime, name: string): Promise<WorkerState>
}

let serial = 0
export const unique = () => `ct${process.pid.toString(36)}-${(serial += 1)}`

export async function until<T>(what: string, look: () => Promise<T | null | undefined | false>, ms = 20_000): Promise<T> {
  const deadline = Date.now() + ms
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms in vain for: ${what}`)
    await Bun.sleep(20)
  }
}

/** Living processes of this machine, in containers too, with `needle` among their arguments. */
export function processesWith(needle: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(needle)
      } catch {
        return false
      }
    })
    .map(Number)
}

/** What /proc says of a process; '' when it has gone. */
function procFile(pid: string, name: 'stat' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return ''
  }
}
const fieldsOf = (pid: string) => procFile(pid, 'stat').replace(/^.*\) /s, '').split(' ')
export const stateOf = (pid: string) => fieldsOf(pid)[0]
export const parentOf = (pid: string) => Number(fieldsOf(pid)[1])
export const commandOf = (pid: string) => procFile(pid, 'cmdline')
