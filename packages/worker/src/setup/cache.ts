import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { diskFullMessage, saysDiskFull } from '../disk/full.ts'
import { isOutOfSpace } from '../disk/measure.ts'
import { RunFailure } from '../ending.ts'
import { run } from '../process.ts'

/** Results of setups, one tar file each, shared by the runs of one repository. */
export type SetupCache = {
  /** Puts the files back into `dir`. False: there is none, or it is not usable. @throws RunFailure `disk_full` */
  restore(key: string, dir: string): Promise<boolean>
  /** Keeps these paths of `dir`. False: it could not be kept, which costs time and nothing else. */
  save(key: string, dir: string, paths: readonly string[]): Promise<boolean>
}

const TAR_MS = 5 * 60_000

/** `maxBytes`: when all together are larger, those that were used longest ago go. */
export function createSetupCache(options: { root: string; maxBytes: number; env: Record<string, string>; now: () => Date; signal?: AbortSignal }): SetupCache {
  const { root, maxBytes, env, now } = options
  const limits = { timeoutMs: TAR_MS, ...(options.signal ? { signal: options.signal } : {}) }
  const fileOf = (key: string) => join(root, `${key}.tar`)

  return {
    async restore(key, dir) {
      const file = fileOf(key)
      if (!(await Bun.file(file).exists())) return false
      const done = await run(['tar', '-xf', file, '-C', dir], { cwd: dir, env, ...limits })
      if (done.code !== 0) {
        // It is the checkout that has no room; the file is good.
        if (saysDiskFull(done.stderr) || (await isOutOfSpace(dir))) throw new RunFailure('disk_full', diskFullMessage(`the cached setup could not be unpacked: ${done.stderr.trim().slice(-500)}`))
        // Broken off: the file may be good, too.
        if (done.code !== null) await rm(file, { force: true })
        return false
      }
      await utimes(file, now(), now()).catch(() => undefined)
      return true
    },
    async save(key, dir, paths) {
      try {
        await mkdir(root, { recursive: true })
        const draft = join(root, `.${key}.${crypto.randomUUID()}.part`)
        const done = await run(['tar', '-cf', draft, '-C', dir, '--null', '--verbatim-files-from', '-T', '-'], { cwd: dir, env, ...limits, stdin: paths.join('\0') })
        // Half of it and more would push everything else out.
        const size = (await stat(draft).catch(() => null))?.size ?? Number.POSITIVE_INFINITY
        if (done.code !== 0 || size > maxBytes / 2) {
          await rm(draft, { force: true })
          return false
        }
        // The name appears with its whole content or not at all.
        await rename(draft, fileOf(key))
        await trim(root, maxBytes, now())
        return true
      } catch {
        return false
      }
    },
  }
}

/** Drafts of processes that died are swept after an hour. */
async function trim(root: string, maxBytes: number, now: Date): Promise<void> {
  const entries: { path: string; size: number; used: number }[] = []
  for (const name of await readdir(root)) {
    const path = join(root, name)
    const info = await stat(path).catch(() => null)
    if (!info) continue
    if (name.endsWith('.part') && now.getTime() - info.mtimeMs > 3_600_000) await rm(path, { force: true })
    if (name.endsWith('.tar')) entries.push({ path, size: info.size, used: info.mtimeMs })
  }
  let total = entries.reduce((sum, { size }) => sum + size, 0)
  for (const { path, size } of entries.sort((a, b) => a.used - b.used)) {
    if (total <= maxBytes) return
    await rm(path, { force: true })
    total -= size
  }
}
