import { createHash, randomUUID } from 'node:crypto'

/** Every process that Ralph starts carries this variable; orphans in sessions of their own are found by it. */
export const MARKER = 'RALPH_RUN_MARKER'

/**
 * Stands for a checkout in markers and in the names of temporary directories: 16 hexadecimal digits made
 * from its real path, so that a later Ralph knows what a dead one left without anything being stored.
 */
export const keyOf = (realDir: string): string => createHash('sha256').update(realDir).digest('hex').slice(0, 16)

/** What all markers of a checkout begin with. */
export const prefixOf = (key: string): string => `${key}.`

/** Names one execution. */
export const newMarker = (key: string): string => `${prefixOf(key)}${randomUUID()}`

/**
 * The environment with a marker. One that is there already stays in front of it: a Ralph that an agent
 * of another Ralph started hands both on, so that the outer one ends everything, the inner one its own.
 */
export function mark(env: Record<string, string>, marker: string): Record<string, string> {
  const outer = env[MARKER]
  return { ...env, [MARKER]: outer ? `${outer},${marker}` : marker }
}

/** Whether an environment, as /proc/PID/environ shows it, carries a marker that begins so. */
export function carries(environ: Buffer, prefix: string): boolean {
  const name = Buffer.from(`${MARKER}=`)
  for (let at = environ.indexOf(name); at !== -1; at = environ.indexOf(name, at + 1)) {
    if (at > 0 && environ[at - 1] !== 0) continue
    const from = at + name.length
    const end = environ.indexOf(0, from)
    const value = environ.toString('latin1', from, end === -1 ? environ.length : end)
    return value.split(',').some((marker) => marker.startsWith(prefix))
  }
  return false
}
