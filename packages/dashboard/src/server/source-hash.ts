import { join } from 'node:path'
import { z } from 'zod'

/** `dist/build.json`: which sources a build was made from. */
export const BuildRecord = z.object({ hash: z.string() })

const PACKAGES = join(import.meta.dir, '..', '..', '..')
const WATCHED = [
  'dashboard/package.json',
  'dashboard/src/**/*.{ts,tsx,css,svg}',
  'shared/src/*.ts',
  'orchestrator/src/client.ts',
] as const

/** One hash over everything the page is made of; null where the page's entry is not there. */
export async function sourceHash(): Promise<string | null> {
  const hash = new Bun.CryptoHasher('sha256')
  const files = new Set<string>()
  for (const pattern of WATCHED) for await (const file of new Bun.Glob(pattern).scan({ cwd: PACKAGES })) if (!/\.test\.tsx?$/.test(file)) files.add(file)
  if (!files.has('dashboard/src/entry.tsx')) return null
  for (const file of [...files].sort()) hash.update(`${file}\n`).update(await Bun.file(join(PACKAGES, file)).bytes())
  return hash.digest('hex')
}
