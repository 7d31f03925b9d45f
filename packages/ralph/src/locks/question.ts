import { signalGroup } from '../process/group.ts'

export type Question = {
  /** The caller's shell command; the path is its $1. */
  command: string
  path: string
  cwd: string
  env: Record<string, string>
  limitMs: number
  signal: AbortSignal
}

export type Said = {
  /** null: ended by a signal, ours or another. */
  exitCode: number | null
  /** Standard output, else standard error: the first lines, without control characters. */
  words: string
  ended: 'itself' | 'time' | 'abort'
}

const KEPT_BYTES = 4096
const KEPT_LINES = 5
const KEPT_CHARACTERS = 500
/** What a command that has exited may still have in its pipes; a background child can hold them open for ever. */
const LAST_WORDS_MS = 200

/**
 * Runs the caller's command once. It is in the caller's hands, so what it leaves running after a normal
 * end (something that holds the lock, say) stays; over its time its whole process group is killed.
 * @throws when it cannot be started
 */
export async function askOnce(question: Question): Promise<Said> {
  const child = Bun.spawn([shell, '-c', question.command, 'before-edit', question.path], {
    cwd: question.cwd,
    env: { ...question.env, RALPH_PATH: question.path },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    detached: true,
  })
  let ended: Said['ended'] = 'itself'
  const end = (why: 'time' | 'abort') => {
    ended = why
    signalGroup(child.pid, 'SIGKILL')
  }
  const abort = () => end('abort')
  const limit = setTimeout(() => end('time'), question.limitMs)
  question.signal.addEventListener('abort', abort, { once: true })
  if (question.signal.aborted) abort()

  const [out, err] = [readHead(child.stdout), readHead(child.stderr)]
  await child.exited
  clearTimeout(limit)
  question.signal.removeEventListener('abort', abort)
  const late = setTimeout(() => {
    out.stop()
    err.stop()
  }, LAST_WORDS_MS)
  await Promise.all([out.done, err.done])
  clearTimeout(late)
  return { exitCode: child.signalCode === null ? child.exitCode : null, words: firstWords(out.text()) || firstWords(err.text()), ended }
}

const shell = Bun.which('bash') ?? '/bin/sh'

/** Reads a stream to its end and keeps its beginning: a program that is not read from stops. */
function readHead(stream: ReadableStream<Uint8Array>): { done: Promise<void>; text: () => string; stop: () => void } {
  const reader = stream.getReader()
  const kept: Uint8Array[] = []
  let size = 0
  const read = async () => {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      if (size < KEPT_BYTES) kept.push(value)
      size += value.byteLength
    }
  }
  return {
    done: read().catch(() => undefined),
    text: () => new TextDecoder().decode(Buffer.concat(kept).subarray(0, KEPT_BYTES)),
    stop: () => void reader.cancel().catch(() => undefined),
  }
}

/** A few plain lines of what a program wrote. */
export function firstWords(text: string): string {
  const lines = text
    // oxlint-disable-next-line no-control-regex
    .replace(/\u001b\[[0-9;]*[A-Za-z]/g, '')
    .split(/[\r\n]+/)
    // oxlint-disable-next-line no-control-regex
    .map((line) => line.replace(/[\u0000-\u001f\u007f]/g, ' ').trim())
    .filter(Boolean)
  return lines.slice(0, KEPT_LINES).join('\n').slice(0, KEPT_CHARACTERS)
}
