import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { bootId, findProcess, parseStat, type Proc } from './proc.ts'

/** Who a directory belongs to. The run's token is not in it: it lives in the process alone. */
const Card = z.object({ name: z.string(), runId: z.number().int(), itemId: z.number().int(), repo: z.string() })
export type Card = z.infer<typeof Card>

/** What a worker leaves on disk, so that a restarted orchestrator finds it again. */
export class WorkerDirectory {
  readonly path: string

  constructor(root: string, name: string) {
    this.path = join(root, name)
  }

  file(name: 'worker.json' | 'stat' | 'boot' | 'exit' | 'log' | 'workspace' | 'home' | 'tmp'): string {
    return join(this.path, name)
  }

  make(card: Card): void {
    for (const directory of ['workspace', 'home', 'tmp'] as const) mkdirSync(this.file(directory), { recursive: true, mode: 0o700 })
    const draft = `${this.file('worker.json')}.new`
    writeFileSync(draft, JSON.stringify(card))
    renameSync(draft, this.file('worker.json'))
  }

  /** null: no worker was ever made here. */
  card(): Card | null {
    const text = this.read('worker.json')
    return text === null ? null : Card.parse(JSON.parse(text))
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

/** One cache per repository, kept between runs. */
export const cacheDirectory = (dataDir: string, repo: string) => join(dataDir, 'cache', createHash('sha256').update(repo.toLowerCase()).digest('hex').slice(0, 16))
