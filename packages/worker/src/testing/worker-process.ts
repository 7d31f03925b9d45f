import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FakeStep } from './fake-ralph.ts'
import { RUN_TOKEN, type Line } from './line.ts'

const MAIN = join(import.meta.dir, '..', 'main.ts')

export type WorkerProcess = {
  pid: number
  kill(signal: NodeJS.Signals): void
  /** Its end, with all that it printed. */
  ended: Promise<{ code: number | null; out: string; err: string }>
}

/** The real program, as a runtime starts it. `before`: words in front of it, such as a program that makes it a place of its own. */
export async function startWorkerProcess(line: Line, steps: readonly FakeStep[], options: { env?: Record<string, string>; before?: readonly string[] } = {}): Promise<WorkerProcess> {
  await Bun.write(join(line.dir, 'steps.json'), JSON.stringify(steps))
  const child = Bun.spawn([...(options.before ?? []), process.execPath, MAIN], {
    env: {
      PATH: process.env['PATH'] ?? '',
      FACTORY_GATEWAY_URL: line.stub.url,
      FACTORY_RUN_ID: '7',
      FACTORY_RUN_TOKEN: RUN_TOKEN,
      FACTORY_WORKSPACE: line.workspace,
      TMPDIR: line.dir,
      HOME: line.dir,
      RALPH_COMMAND: `${process.execPath} ${join(import.meta.dir, 'fake-ralph.ts')} ${join(line.dir, 'steps.json')} ${join(line.dir, 'called.json')}`,
      ...options.env,
    },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = [new Response(child.stdout).text(), new Response(child.stderr).text()]
  return { pid: child.pid, kill: (signal) => void child.kill(signal), ended: child.exited.then(async (code) => ({ code: child.signalCode ? null : code, out: await out, err: await err })) }
}

/** The living processes whose environment names this directory. */
export function livingIn(dir: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => read(`/proc/${pid}/environ`).includes(dir) && !hasEnded(pid))
}

export const hasEnded = (pid: number): boolean => !existsSync(`/proc/${pid}`) || / [ZX] /.test(read(`/proc/${pid}/stat`).replace(/^.*\)/s, ''))

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
