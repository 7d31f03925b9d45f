import { mkdir, rm, rmdir, statfs } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Examined } from '../examined.ts'
import { fail, ok, warn, type Finding } from '../finding.ts'

const GB = 1_000_000_000
/** A worker image (0.8 GB), its checkouts and the database have to fit. */
const ENOUGH = 5 * GB
const LEAST = GB

export async function checkDataDir({ env, cwd }: Pick<Examined, 'env' | 'cwd'>): Promise<Finding> {
  const folder = resolve(cwd, env.DATA_DIR)
  const existed = existsSync(folder)
  const probe = join(folder, `.doctor-${process.pid}`)
  try {
    await mkdir(folder, { recursive: true })
    await Bun.write(probe, 'x')
    await rm(probe)
    // Looking must leave nothing behind; a directory that has got something meanwhile stays.
    if (!existed) await rmdir(folder).catch(() => {})
    return ok('data directory', `${folder} is writable`)
  } catch (error) {
    return fail('data directory', `${folder} cannot be written: ${error instanceof Error ? error.message : String(error)}`, 'Set DATA_DIR to a directory of yours')
  }
}

export async function checkDisk({ env, cwd }: Pick<Examined, 'env' | 'cwd'>): Promise<Finding> {
  let folder = resolve(cwd, env.DATA_DIR)
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  const { bavail, bsize } = await statfs(folder)
  return judgeSpace(bavail * bsize, folder)
}

export function judgeSpace(free: number, folder: string): Finding {
  const detail = `${(free / GB).toFixed(1)} GB free at ${folder}`
  if (free < LEAST) return fail('disk', detail, 'Free some space: docker system prune removes what no container uses')
  if (free < ENOUGH) return warn('disk', detail, '5 GB or more are comfortable; docker system prune removes what no container uses')
  return ok('disk', detail)
}
