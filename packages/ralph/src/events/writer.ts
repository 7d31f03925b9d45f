import { RALPH_EVENT_VERSION, type RalphEvent, type RalphEventBody } from '@factory/shared'
import { closeSync, fstatSync, fsyncSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { toLine } from './fit.ts'

export type Emit = (body: RalphEventBody) => void

export type WriterOptions = {
  run: string
  /** `.ai/ralph/events.jsonl`; null: only the listeners get them. */
  file: string | null
  now: () => Date
  /** Gets each line with its newline. */
  out: (line: string) => void
  onEvent?: (event: RalphEvent) => void
}

export type Writer = { emit: Emit; close(): void }

/** Ends a part of a run and is what a resumed one relies on: worth waiting for the disk. */
const DURABLE = new Set(['iteration.finished', 'verify.finished', 'run.finished'])

/**
 * Gives events their envelope and writes each to the file first, then out. Sequence numbers go on
 * from what the file holds of the same run. After `run.finished` nothing more is written.
 */
export function openWriter(options: WriterOptions): Writer {
  const fd = options.file === null ? null : open(options.file)
  let seq = fd === null ? 0 : lastSeq(fd, options.run)
  let ended = false
  return {
    emit(body) {
      if (ended) return
      ended = body.event === 'run.finished'
      seq += 1
      const event = { v: RALPH_EVENT_VERSION, seq, ts: options.now().toISOString(), run: options.run, ...body } as const
      const line = `${toLine(event)}\n`
      if (fd !== null) {
        writeSync(fd, line)
        if (DURABLE.has(body.event)) fsyncSync(fd)
      }
      options.out(line)
      options.onEvent?.(event)
    },
    close() {
      if (fd !== null) closeSync(fd)
    },
  }
}

function open(file: string): number {
  mkdirSync(dirname(file), { recursive: true })
  const fd = openSync(file, 'a+')
  // A killed run can have left half a line.
  if (tailOf(fd, 1).at(-1) !== undefined && tailOf(fd, 1) !== '\n') writeSync(fd, '\n')
  return fd
}

const Sequenced = z.looseObject({ run: z.string(), seq: z.number().int() })

/** The highest sequence number of this run; its events are the last in the file. */
function lastSeq(fd: number, run: string): number {
  let highest = 0
  for (const line of tailOf(fd, 4 * 1024 * 1024).split('\n')) {
    try {
      const known = Sequenced.safeParse(JSON.parse(line))
      if (known.success && known.data.run === run) highest = Math.max(highest, known.data.seq)
    } catch {
      // half a line, or not ours
    }
  }
  return highest
}

function tailOf(fd: number, bytes: number): string {
  const size = fstatSync(fd).size
  const buffer = Buffer.alloc(Math.min(bytes, size))
  readSync(fd, buffer, 0, buffer.length, size - buffer.length)
  return buffer.toString('utf8')
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
