import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Git } from '../../git/git.ts'
import { MAX_NAMES, type Ran } from '../measured.ts'
import { parseJunit, type JunitTest } from './parse.ts'

/** Entries of a checkout that are looked at, files that are read, and bytes of each. */
const MAX_ENTRIES = 50_000
const MAX_FILES = 2000
const MAX_BYTES = 16 * 1024 * 1024
const MAX_ALL_BYTES = 128 * 1024 * 1024
const PASSED_OVER = new Set(['.git', 'node_modules', '.venv', 'venv', 'site-packages', '__pycache__', '.tox', '.cargo', '.gradle', '.m2'])

/**
 * A moment on the file system's own clock, which ticks every few milliseconds: whatever was there has an
 * earlier or the same change time, whatever is written once this resolves a later one.
 */
export async function markTime(folder: string): Promise<number> {
  const file = join(folder, '.began')
  const touch = async (): Promise<number> => {
    await writeFile(file, '.')
    return (await stat(file)).ctimeMs
  }
  const began = await touch()
  while ((await touch()) <= began);
  return began
}

/**
 * What JUnit files say that were written since a moment, in the folder the runners were asked to write
 * to and anywhere in the checkout. A file that the commit holds never counts, nor one older than the
 * check. null when there is none.
 */
export async function collectReports(git: Git, given: { dir: string; reports: string; since: number }): Promise<Ran['junit']> {
  const committed = new Set(((await git.may(['ls-tree', '-r', '-z', '--name-only', 'HEAD'])) ?? '').split('\0').filter((name) => name.endsWith('.xml')))
  const inRoom = (await xmlFiles(given.dir)).filter((file) => !committed.has(relative(given.dir, file)))
  const files = [...(await xmlFiles(given.reports)), ...inRoom].slice(0, MAX_FILES)
  const reports: JunitTest[][] = []
  let bytes = 0
  for (const file of files) {
    const found = await stat(file).catch(() => null)
    if (!found?.isFile() || found.ctimeMs <= given.since || found.size > MAX_BYTES || (bytes += found.size) > MAX_ALL_BYTES) continue
    const tests = parseJunit(await readFile(file, 'utf8').catch(() => ''))
    if (tests) reports.push(tests)
  }
  return reports.length === 0 ? null : addUp(reports)
}

/** The same test in two files ran once; in one file as often as it stands there. */
export function addUp(reports: readonly (readonly JunitTest[])[]): NonNullable<Ran['junit']> {
  const all = new Map<string, number>()
  for (const tests of reports) {
    const here = new Map<string, number>()
    for (const { name, state } of tests) here.set(`${state} ${name}`, (here.get(`${state} ${name}`) ?? 0) + 1)
    for (const [key, times] of here) all.set(key, Math.max(all.get(key) ?? 0, times))
  }
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const executed = new Set<string>()
  for (const [key, times] of all) {
    const state = key.startsWith('passed') ? 'passed' : key.startsWith('failed') ? 'failed' : 'skipped'
    counts[state] += times
    if (state !== 'skipped' && executed.size < MAX_NAMES) executed.add(key.slice(state.length + 1))
  }
  return { counts, executed: [...executed] }
}

/** XML files below a folder; links are not followed. */
async function xmlFiles(root: string): Promise<string[]> {
  const found: string[] = []
  const open = [root]
  let seen = 0
  for (let folder = open.shift(); folder !== undefined && seen < MAX_ENTRIES; folder = open.shift()) {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      seen += 1
      if (entry.isDirectory() && !PASSED_OVER.has(entry.name)) open.push(join(folder, entry.name))
      else if (entry.isFile() && entry.name.endsWith('.xml')) found.push(join(folder, entry.name))
    }
  }
  return found
}
