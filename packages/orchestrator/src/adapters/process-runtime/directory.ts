import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { bootId, findProcess, parseStat, type Proc } from './proc.ts'

/** Who a directory belongs to, and which cache its worker has (older ones do not say). The run's token is not in it: it lives in the process alone. */
const Card = z.object({ name: z.string(), runId: z.number().int(), itemId: z.number().int(), repo: z.string(), cache: z.string().optional() })
export type Card = z.infer<typeof Card>

/** What a worker leaves on disk, so that a restarted orchestrator finds it again. */
export class WorkerDirectory {
  readonly path: string
  readonly name: string

  constructor(root: string, name: string) {
    this.name = name
    this.path = join(root, name)
  }

  file(name: 'worker.json' | 'stat' | 'boot' | 'exit' | 'log' | 'workspace' | 'home' | 'tmp'): string {
    return join(this.path, name)
  }

  make(card: Card): void {
    for (const directory of ['workspace', 'home', 'tmp'] as const) mkdirSync(this.file(directory), { recursive: true, mode: 0o700 })
    // Two orchestrators may make it at once.
    const draft = `${this.file('worker.json')}.${process.pid}`
    writeFileSync(draft, JSON.stringify(card))
    renameSync(draft, this.file('worker.json'))
  }

  /** null: no worker was ever made here, or the machine went down before its card was on disk. */
  card(): Card | null {
    const text = this.read('worker.json')
    if (text === null) return null
    try {
      return Card.parse(JSON.parse(text))
    } catch {
      return null
    }
  }

  /** null: it was never executed. */
  started(): { pid: number; startTicks: string; boot: string } | null {
    const stat = parseStat(this.read('stat') ?? '')
    return stat ? { pid: stat.pid, startTicks: stat.startTicks, boot: (this.read('boot') ?? '').trim() } : null
  }

  /** The process that carries the worker, when it still is that very process. */
  leader(): Proc | null {
    const started = this.started()
    if (!started || started.boot !== bootId()) return null
    const found = findProcess(started.pid)
    return found && found.startTicks === started.startTicks ? found : null
  }

  exitCode(): number | null {
    const text = this.read('exit')?.trim()
    return text && /^\d+$/.test(text) ? Number(text) : null
  }

  writeExit(code: number): void {
    writeFileSync(this.file('exit'), `${code}\n`)
  }

  private read(name: 'worker.json' | 'stat' | 'boot' | 'exit'): string | null {
    try {
      return readFileSync(this.file(name), 'utf8')
    } catch {
      return null
    }
  }
}

export function listDirectories(root: string): WorkerDirectory[] {
  if (!existsSync(root)) return []
  return readdirSync(root).map((name) => new WorkerDirectory(root, name))
}

export const cacheRoot = (dataDir: string, instance: string) => join(dataDir, 'cache', instance)

/** One cache per name, kept between runs. */
export const cacheDirectory = (dataDir: string, instance: string, cache: string) => join(cacheRoot(dataDir, instance), createHash('sha256').update(cache.toLowerCase()).digest('hex').slice(0, 16))
