import type { TreeEntry } from './git-objects.ts'
import { asFields, asList, asNumber, asText } from './read.ts'

/** What a light worker is told by its suite, besides what the runtime gives every worker; a file of JSON. */
export type WorkerSettings = {
  seed: number
  /** Everything that every worker did, one line each, in the order in which it was done. */
  journal: string
  repositories: Record<string, { dir: string; base: string; entries: TreeEntry[] }>
  /** Set where effects are to be sent directly when a run ends: the forge's API, and a credential for it. */
  direct: { apiUrl: string; token: string } | null
  /** How long a run works, of which the second is rare. Milliseconds. */
  workMs: { short: number; long: number }
}

/** @throws Error for anything but what the suite wrote */
export function readSettings(text: string): WorkerSettings {
  const given = asFields(JSON.parse(text))
  const direct = given['direct'] === null ? null : asFields(given['direct'])
  const workMs = asFields(given['workMs'])
  const repositories = Object.entries(asFields(given['repositories'])).map(([name, value]) => {
    const { dir, base, entries } = asFields(value)
    return [name, { dir: asText(dir), base: asText(base), entries: asList(entries).map(asFields).map((entry) => ({ name: asText(entry['name']), sha: asText(entry['sha']) })) }] as const
  })
  return {
    seed: asNumber(given['seed']),
    journal: asText(given['journal']),
    repositories: Object.fromEntries(repositories),
    direct: direct && { apiUrl: asText(direct['apiUrl']), token: asText(direct['token']) },
    workMs: { short: asNumber(workMs['short']), long: asNumber(workMs['long']) },
  }
}
