import { appendFileSync, readFileSync } from 'node:fs'
import type { LightAssignment } from './assignment.ts'
import { writeCommit, writeRef } from './git-objects.ts'
import { asFields, asText } from './read.ts'
import { readSettings, type WorkerSettings } from './settings.ts'

/** What a light worker works with: where its commits go, and the journal that all workers write. */
export type Bench = {
  settings: WorkerSettings
  note(assignment: LightAssignment, what: string): Promise<void>
  /** Makes the run's commit and lets its own ref stand on it. */
  push(assignment: LightAssignment): Promise<{ headSha: string; baseSha: string }>
}

/** What a run's commit says: no two runs make the same one. */
export const commitMessage = ({ itemId, runId, token }: Pick<LightAssignment, 'itemId' | 'runId' | 'token'>): string => `Item ${itemId} by run ${runId}, token ${token}`

/** Files of this machine; in a container the suite's door does what the files would. */
export function openBench(settingsPath: string, gatewayUrl: string): Bench {
  const settings = readSettings(readFileSync(settingsPath, 'utf8'))
  const socket = gatewayUrl.startsWith('unix:') ? gatewayUrl.slice('unix:'.length) : null
  return socket === null ? onFiles(settings) : throughDoor(settings, socket)
}

/** Also the door's own way, for workers that reach no file of this machine. */
export function onFiles(settings: WorkerSettings): Bench {
  return {
    settings,
    // One short line appended at once: lines of several workers never mix, and their order is the order of things.
    note: ({ itemId, token }, what) => Promise.resolve(appendFileSync(settings.journal, `${itemId} ${token} ${what}\n`)),
    push(assignment) {
      const { repo, itemId, pushRef } = assignment
      const place = settings.repositories[repo]
      if (!place) return Promise.reject(new Error(`nobody told of ${repo}`))
      const message = commitMessage(assignment)
      const headSha = writeCommit(place.dir, { base: place.base, entries: place.entries, file: `item-${itemId}.txt`, content: `${message}\n`, message })
      writeRef(place.dir, pushRef, headSha)
      return Promise.resolve({ headSha, baseSha: place.base })
    },
  }
}

function throughDoor(settings: WorkerSettings, socket: string): Bench {
  const post = async (path: string, body: unknown) => {
    const response = await fetch(`http://door${path}`, { unix: socket, method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
    if (!response.ok) throw new Error(`the door answered ${response.status} to ${path}`)
    return asFields(await response.json())
  }
  return {
    settings,
    note: async (assignment, what) => void (await post('/note', { assignment, what })),
    push: async (assignment) => {
      const { headSha, baseSha } = await post('/push', { assignment })
      return { headSha: asText(headSha), baseSha: asText(baseSha) }
    },
  }
}
