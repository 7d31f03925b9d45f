import { existsSync, readdirSync, renameSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Needed } from '../../ports/worker-runtime.ts'
import { cacheDirectory, cacheRoot, listDirectories, type WorkerDirectory } from './directory.ts'

type Sweep = { dataDir: string; instance: string; root: string; now: () => number; end: (directory: WorkerDirectory) => Promise<void> }

/** What is younger may still be on its way to its use. Milliseconds. */
const LEFT_OVER_MS = 600_000
const REMOVED = '.removed'

/** Removes directories of starts that were interrupted, and caches that no run needs and no worker has. */
export async function sweepDirectories(sweep: Sweep, needed: Needed): Promise<string[]> {
  return [...(await sweepWorkers(sweep, needed)), ...(await sweepCaches(sweep, needed))]
}

/** Without a card it is no worker that anybody can name, so nobody else will remove it. */
async function sweepWorkers({ root, now, end }: Sweep, needed: Needed): Promise<string[]> {
  const gone: string[] = []
  for (const directory of listDirectories(root)) {
    const made = statSync(directory.path, { throwIfNoEntry: false })?.mtimeMs
    if (made === undefined || now() - made <= LEFT_OVER_MS || directory.card() !== null || needed.workers.includes(directory.name)) continue
    await end(directory)
    await rm(directory.path, { recursive: true, force: true })
    gone.push(directory.name)
  }
  return gone
}

/** A cache is renamed first: one that is half removed must not be found by a worker that starts meanwhile. */
async function sweepCaches({ dataDir, instance, root }: Sweep, needed: Needed): Promise<string[]> {
  const all = cacheRoot(dataDir, instance)
  if (!existsSync(all)) return []
  // Without a wait from here to the last rename: a start writes its card and makes its cache in one go, too.
  const used = listDirectories(root).map((directory) => directory.card()?.cache)
  const kept = new Set([...needed.caches, ...used.filter((cache) => cache !== undefined)].map((cache) => cacheDirectory(dataDir, instance, cache)))
  const gone: string[] = []
  for (const name of readdirSync(all)) {
    const path = join(all, name)
    if (name.endsWith(REMOVED) || kept.has(path)) continue
    renameSync(path, freeName(path))
    gone.push(name)
  }
  for (const name of readdirSync(all)) if (name.endsWith(REMOVED)) await rm(join(all, name), { recursive: true, force: true })
  return gone
}

function freeName(path: string): string {
  for (let count = 0; ; count++) {
    const name = `${path}.${count}${REMOVED}`
    if (!existsSync(name)) return name
  }
}
