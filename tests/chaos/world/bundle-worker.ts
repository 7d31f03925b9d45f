import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WorkerSettings } from '../worker/settings.ts'

/** The light worker as one file in `dir`: it begins sooner, and a container can be given it. */
export async function bundleLight(dir: string): Promise<string> {
  mkdirSync(dir, { recursive: true, mode: 0o755 })
  const built = await Bun.build({ entrypoints: [join(import.meta.dir, '../worker/light-main.ts')], target: 'bun', minify: true })
  const [output] = built.outputs
  if (!built.success || !output) throw new Error('the light worker could not be bundled', { cause: built.logs })
  const path = join(dir, 'worker.js')
  await Bun.write(path, output)
  return path
}

/** The light worker, and next to it what it is told. */
export async function bundleWorker(dir: string, settings: WorkerSettings): Promise<{ CHAOS_WORKER: string; CHAOS_SETTINGS: string }> {
  const worker = await bundleLight(dir)
  const told = join(dir, 'settings.json')
  writeFileSync(told, JSON.stringify(settings), { mode: 0o644 })
  return { CHAOS_WORKER: worker, CHAOS_SETTINGS: told }
}
