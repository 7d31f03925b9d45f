import { askOnce, type Said } from './question.ts'

export type Answer =
  /** The lock is ours. */
  | { kind: 'granted' }
  /** It is somebody else's. */
  | { kind: 'held'; reason: string }
  /** It cannot be asked now. */
  | { kind: 'unknown'; reason: string }

/** Takes a path relative to the checkout's root. Never rejects. */
export type Ask = (path: string) => Promise<Answer>

export type AskOptions = {
  /** The caller's shell command: exit code 0, the lock is ours; 1, it is somebody else's; anything else, it cannot be asked. */
  command: string
  /** Where it runs: the checkout's root. */
  root: string
  /** Its environment. It may hold the caller's credentials; no agent sees it. */
  env: Record<string, string>
  /** What is ours already; grows with every lock that is given. Those are not asked again. */
  granted: Set<string>
  signal: AbortSignal
  /** Milliseconds for one question. */
  limitMs?: number
  /** Questions at a time. */
  parallel?: number
}

const LIMIT_MS = 10_000
const PARALLEL = 4
const GRANTED: Answer = { kind: 'granted' }

/** Asks the caller's command for locks: one question a path at a time, some paths side by side. */
export function createAsk(options: AskOptions): Ask {
  const { granted } = options
  const limitMs = options.limitMs ?? LIMIT_MS
  const asking = new Map<string, Promise<Answer>>()
  const turns = queue(options.parallel ?? PARALLEL)

  const question = async (path: string): Promise<Answer> => {
    try {
      const answer = read(await askOnce({ ...options, cwd: options.root, path, limitMs }), limitMs)
      if (answer.kind === 'granted') granted.add(path)
      return answer
    } catch (error) {
      return { kind: 'unknown', reason: `the command cannot be started: ${error instanceof Error ? error.message : String(error)}` }
    }
  }
  return (path) => {
    if (granted.has(path)) return Promise.resolve(GRANTED)
    const going = asking.get(path)
    if (going) return going
    const asked = turns(() => question(path)).finally(() => asking.delete(path))
    asking.set(path, asked)
    return asked
  }
}

/** What the end of the caller's command means. */
function read({ exitCode, words, ended }: Said, limitMs: number): Answer {
  if (ended === 'time') return { kind: 'unknown', reason: `no answer within ${limitMs / 1000} s` }
  if (ended === 'abort') return { kind: 'unknown', reason: 'the run is being stopped' }
  if (exitCode === 0) return GRANTED
  if (exitCode === 1) return { kind: 'held', reason: words || 'somebody else has its lock' }
  return { kind: 'unknown', reason: `the command ${exitCode === null ? 'was killed' : `ended with exit code ${exitCode}`}${words ? `: ${words}` : ''}` }
}

/** At most `width` at a time, in the order they came. */
function queue(width: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = width
  const waiting: (() => void)[] = []
  return async (work) => {
    if (free > 0) free -= 1
    else await new Promise<void>((go) => waiting.push(go))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free += 1
    }
  }
}
