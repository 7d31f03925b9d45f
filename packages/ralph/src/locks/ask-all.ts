import type { Ask } from './ask.ts'

export type Refused = { path: string; reason: string }
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>

export type Asked = {
  /** Somebody else has their lock. */
  held: Refused[]
  /** Nobody could be asked. */
  unknown: Refused[]
}

/** Between the tries of one question, milliseconds. */
const PAUSES = [250, 1000] as const
/** Asked at a time; `ask` has a bound of its own for commands. */
const AT_ONCE = 16

/**
 * Asks for each path, three times where there is no answer. Once a path got none three times the rest is
 * not asked any more: who asks for a thousand files would otherwise wait for hours.
 */
export async function askAll(paths: readonly string[], { ask, sleep, signal }: { ask: Ask; sleep: Sleep; signal: AbortSignal }): Promise<Asked> {
  const asked: Asked = { held: [], unknown: [] }
  let away: string | null = null
  const one = async (path: string): Promise<void> => {
    for (let tries = 0; away === null; tries += 1) {
      const answer = await ask(path)
      if (answer.kind === 'granted') return
      if (answer.kind === 'held') return void asked.held.push({ path, reason: answer.reason })
      const wait = PAUSES[tries]
      if (wait === undefined || signal.aborted) away = answer.reason
      else await sleep(wait, signal)
    }
    asked.unknown.push({ path, reason: away })
  }
  const left = [...paths]
  const work = async (): Promise<void> => {
    for (let path = left.shift(); path !== undefined; path = left.shift()) await one(path)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  const byPath = (a: Refused, b: Refused): number => (a.path < b.path ? -1 : 1)
  return { held: asked.held.sort(byPath), unknown: asked.unknown.sort(byPath) }
}
