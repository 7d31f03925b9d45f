import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { isAlive } from './group.ts'

const KINDS = ['room', 'home', 'reports'] as const
type Kind = (typeof KINDS)[number]

/** What the directory of a clean checkout is called; git names its own record of it alike. */
export const roomName = (key: string): string => `ralph-${key}`

/** A temporary directory that a later Ralph knows as this checkout's, should we be killed before it is removed. */
export const makeTemporary = (kind: Kind, key: string): Promise<string> => mkdtemp(join(tmpdir(), `ralph-${kind}-${key}_`))

/** The repository's own directory, and that which its worktrees share; absolute. */
export type GitDirs = { own: string; common: string }

/** @returns null outside of a repository */
export async function findGitDirs(git: { dir: string; may: (args: readonly string[]) => Promise<string | null> }): Promise<GitDirs | null> {
  const [own, common] = (await git.may(['rev-parse', '--git-dir', '--git-common-dir']))?.split('\n') ?? []
  return own === undefined || common === undefined ? null : { own: resolve(git.dir, own), common: resolve(git.dir, common) }
}

/**
 * Takes away what a Ralph that was killed in this checkout left: temporary directories, half made
 * worktrees, half written files of ours, and (`died`) the locks of its git processes. Only for the
 * holder of the directory's lock, after the sweep: nobody of the dead run is at work any more.
 * What cannot be removed is left.
 */
export async function removeLeftovers(given: { key: string; files: string; git: GitDirs | null; died: boolean }): Promise<void> {
  const { key, files, git, died } = given
  const drop = async (paths: readonly string[]): Promise<void> => {
    for (const path of paths) await rm(path, { recursive: true, force: true }).catch(() => undefined)
  }
  await drop(await temporaries(key))
  await drop((await namesIn(files)).filter(isAbandoned).map((name) => join(files, name)))
  if (git === null) return
  // git never prunes the record of a worktree that was being made: it is locked until it is whole.
  const records = join(git.common, 'worktrees')
  await drop((await namesIn(records)).filter((name) => name.startsWith(roomName(key))).map((name) => join(records, name)))
  if (died) await drop(await gitLocks(git))
}

/** Directories, owned by us: in a shared directory anybody can make a link of that name. */
async function temporaries(key: string): Promise<string[]> {
  const names = (await namesIn(tmpdir())).filter((name) => KINDS.some((kind) => name.startsWith(`ralph-${kind}-${key}_`)))
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(tmpdir(), name)
      const stat = await lstat(path).catch(() => null)
      return stat?.isDirectory() && stat.uid === process.getuid?.() ? [path] : []
    }),
  )
  return found.flat()
}

/** `state.json.PID.tmp` and the like; a living process may be about to rename its own. */
function isAbandoned(name: string): boolean {
  if (/^lock\.[\w-]+\.heir$/.test(name)) return true
  const pid = /^(?:state\.json|spec|lock)\.(\d+)\.(?:[\w-]+\.)?tmp$/.exec(name)?.[1]
  return pid !== undefined && !(Number(pid) !== process.pid && isAlive(Number(pid)))
}

/** No ref can be called so: whatever ends in .lock here is the lock of a git process. */
async function gitLocks({ own, common }: GitDirs): Promise<string[]> {
  const isLock = (name: string): boolean => name.endsWith('.lock')
  const dirs = [...new Set([own, common])]
  const found = await Promise.all(
    dirs.flatMap((dir) => [
      namesIn(dir).then((names) => names.filter(isLock).map((name) => join(dir, name))),
      readdir(join(dir, 'refs'), { recursive: true }).then((names) => names.filter(isLock).map((name) => join(dir, 'refs', name)), () => []),
    ]),
  )
  return found.flat()
}

const namesIn = (dir: string): Promise<string[]> => readdir(dir).catch(() => [])
