import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { formatLogLine } from './log-line.ts'

export type ChildOptions = {
  name: string
  command: readonly string[]
  cwd: string
  env: Record<string, string>
  /** Everything it writes goes here. */
  logFile: string
  /** Told of each line, already made readable. */
  onLine?: ((line: string) => void) | undefined
}

export type Child = {
  readonly name: string
  readonly pid: number
  /** Resolves with the exit code (128 + n for signal n). */
  readonly exited: Promise<number>
  /** The last lines it wrote, for the message when it ends too early. */
  lastLines(): string[]
  stop(graceMs: number): Promise<void>
}

/** Starts one service as a process of ours, in its own group so that Ctrl-C reaches us alone. */
export function startChild(options: ChildOptions): Child {
  mkdirSync(dirname(options.logFile), { recursive: true })
  const proc = Bun.spawn([...options.command], { cwd: options.cwd, env: options.env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', detached: true })
  const last: string[] = []
  const take = (line: string) => {
    appendFileSync(options.logFile, `${line}\n`)
    last.push(line)
    if (last.length > 40) last.shift()
    options.onLine?.(formatLogLine(options.name, line))
  }
  const drained = Promise.all([readLines(proc.stdout, take), readLines(proc.stderr, take)])
  const exited = proc.exited.then(async (code) => {
    // a grandchild may hold the pipes open
    await Promise.race([drained, Bun.sleep(500)])
    return code
  })
  return {
    name: options.name,
    pid: proc.pid,
    exited,
    lastLines: () => last.slice(),
    async stop(graceMs) {
      proc.kill('SIGTERM')
      const timer = setTimeout(() => proc.kill('SIGKILL'), graceMs)
      await proc.exited
      clearTimeout(timer)
    },
  }
}

async function readLines(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) take(line)
  }
  if (rest) take(rest)
}
