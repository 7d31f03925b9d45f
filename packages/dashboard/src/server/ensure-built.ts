import { join } from 'node:path'
import { BuildRecord, sourceHash } from './source-hash.ts'

/**
 * Builds the page when `dist` has none or one of other sources. The build runs in a process of its
 * own: the bundler needs some hundred megabytes that a service which runs for weeks should not keep.
 * @throws Error with the builder's words when it fails
 */
export async function ensureBuilt(dist: string): Promise<void> {
  if (await isFresh(dist)) return
  const build = Bun.spawn([process.execPath, join(import.meta.dir, '..', 'build.ts'), dist], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
    env: {},
  })
  const words = await new Response(build.stderr).text()
  if ((await build.exited) !== 0) throw new Error(`the dashboard's page could not be built:\n${words}`)
}

async function isFresh(dist: string): Promise<boolean> {
  const record = Bun.file(join(dist, 'build.json'))
  if (!(await record.exists())) return false
  const parsed = BuildRecord.safeParse(await record.json().catch(() => null))
  if (!parsed.success) return false
  const current = await sourceHash()
  // An image may carry the built page without its sources: then it is what it is.
  return current === null || parsed.data.hash === current
}
