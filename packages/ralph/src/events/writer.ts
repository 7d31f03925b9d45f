import { RALPH_EVENT_VERSION, RALPH_EXIT, type RalphEvent, type RalphEventBody, type RalphEventName } from '@factory/shared/ralph'
import { writeSync } from 'node:fs'
import { z } from 'zod'
import { toLine } from './fit.ts'
import { openLog, type Log } from './log.ts'

export type Emit = (body: RalphEventBody) => void

export type WriterOptions = {
  run: string
  /** `.ai/ralph/events.jsonl`; null: only the listeners get them. */
  file: string | null
  now: () => Date
  /** Gets each line with its newline. */
  out: (line: string) => void
  onEvent?: (event: RalphEvent) => void
  /** Told once, when the file turns out to take no more; events go on to `out`. */
  onFailure?: (reason: string) => void
  open?: typeof openLog
}

export type Writer = {
  /** Returns the event as it was written; null after the end. */
  emit(body: RalphEventBody): RalphEvent | null
  /** The number of the event that comes next. */
  next(): number
  /** Why the file does not hold every event; null as long as it does. */
  failure(): string | null
  /** Resolves when the last event is on the disk. */
  close(): Promise<void>
}

/**
 * Events that are on the disk before anybody hears of them: a task's fate, the end of a part, the end.
 *
 * All others are written at once and synced right after, in the background: a sync that is waited for
 * took 0.2 ms on an idle solid-state disk and 2 to 12 ms on the same one while others worked, and would
 * hold the agent's output up with each of hundreds of `agent.activity` lines. Written so, a line costs
 * some microseconds, and one sync carries what came meanwhile. A killed Ralph loses no line. A power cut can lose those since the last finished sync: at
 * most what was written in the time of two syncs, and never one of the events below. Numbers that were
 * lost so are given again when the run goes on.
 */
const DURABLE: ReadonlySet<RalphEventName> = new Set(['iteration.finished', 'verify.finished', 'task.completed', 'task.reopened', 'run.finished'])

/**
 * Gives events their envelope and writes each to the file first, then out. Sequence numbers go on
 * from what the file holds of the same run. After `run.finished` nothing more is written.
 *
 * A file that cannot be written never throws: the failure is told and kept, and `run.finished` then
 * says exit code 20 and why, whatever it was to say.
 */
export function openWriter(options: WriterOptions): Writer {
  let failure: string | null = null
  const fail = (error: unknown): void => {
    if (failure !== null) return
    failure = `events cannot be written to ${options.file}: ${error instanceof Error ? error.message : String(error)}`
    options.onFailure?.(failure)
  }
  const attempt = <T>(write: () => T): T | null => {
    try {
      return write()
    } catch (error) {
      fail(error)
      return null
    }
  }
  const { file } = options
  const log = file === null ? null : attempt(() => (options.open ?? openLog)(file, fail))
  let seq = log === null ? 0 : (attempt(() => lastSeq(log, options.run)) ?? 0)
  let ended = false

  return {
    failure: () => failure,
    next: () => seq + 1,
    emit(body) {
      if (ended) return null
      ended = body.event === 'run.finished'
      seq += 1
      const envelope = { v: RALPH_EVENT_VERSION, seq, ts: options.now().toISOString(), run: options.run } as const
      let event: RalphEvent = { ...envelope, ...honest(body, failure) }
      let line = `${toLine(event)}\n`
      if (log !== null && failure === null) {
        attempt(() => store(log, line, DURABLE.has(body.event)))
        if (failure !== null && ended) {
          event = { ...envelope, ...honest(body, failure) }
          line = `${toLine(event)}\n`
        }
      }
      options.out(line)
      options.onEvent?.(event)
      return event
    },
    close: async () => log?.close(),
  }
}

/** A run whose record has holes does not end well. */
function honest(body: RalphEventBody, failure: string | null): RalphEventBody {
  if (failure === null || body.event !== 'run.finished') return body
  return { ...body, exitCode: RALPH_EXIT.internal, reason: `${failure}; ${body.exitCode === RALPH_EXIT.internal ? body.reason : `the work itself ended with ${body.exitCode}: ${body.reason}`}` }
}

function store(log: Log, line: string, durable: boolean): void {
  log.append(line)
  if (durable) log.sync()
  else log.syncSoon()
}

const Sequenced = z.looseObject({ run: z.string(), seq: z.number().int() })

/** The highest sequence number of this run: in the end of the file, or further back where other runs came after it. */
function lastSeq(log: Log, run: string): number {
  for (let bytes = 4 * 1024 * 1024; ; bytes *= 8) {
    const text = log.tail(bytes)
    const highest = highestIn(text, run, Math.ceil(log.size() / LEAST_LINE))
    if (highest > 0 || Buffer.byteLength(text) < bytes) return highest
  }
}

/** No event is shorter, in bytes: a file of some size cannot hold a larger number, whatever an agent wrote into it. */
const LEAST_LINE = 60

function highestIn(text: string, run: string, most: number): number {
  let highest = 0
  for (const line of text.split('\n')) {
    // Most of a long file is of others: only lines that name the run are parsed.
    if (!line.includes(run)) continue
    try {
      const known = Sequenced.safeParse(JSON.parse(line))
      if (known.success && known.data.run === run && known.data.seq <= most) highest = Math.max(highest, known.data.seq)
    } catch {
      // half a line, or not ours
    }
  }
  return highest
}

/** Writes to a file descriptor whole, also where it is a full pipe; a reader that went away is no error. */
export function writeOut(fd: number): (line: string) => void {
  return (line) => {
    let rest = Buffer.from(line)
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(fd, rest))
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
      }
    }
  }
}
