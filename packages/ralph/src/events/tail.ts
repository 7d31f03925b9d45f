import { RalphEvent } from '@factory/shared/ralph'
import { open, type FileHandle } from 'node:fs/promises'

const RECENT_BYTES = 256 * 1024
const STEP_BYTES = 1024 * 1024
const FURTHEST_BYTES = 16 * 1024 * 1024

/**
 * The last events of the last run in a file of any size, oldest first: those of its last 256 KiB, and
 * before them the run's `run.started` where it is within the last 16 MiB. Torn lines and what this
 * version does not know are passed over; an empty list where there is no file to read.
 */
export async function readRecent(file: string): Promise<RalphEvent[]> {
  const handle = await open(file, 'r').catch(() => null)
  if (handle === null) return []
  try {
    const { size } = await handle.stat()
    const from = Math.max(0, size - RECENT_BYTES)
    const text = await read(handle, from, size)
    const events = parse(text)
    const run = events.at(-1)?.run
    const recent = events.filter((event) => event.run === run)
    if (from === 0 || recent.some((event) => event.event === 'run.started')) return recent
    // The line that begins before these 256 KiB is looked at there.
    const started = await startOf(handle, from + text.indexOf('\n') + 1, run)
    return started === null ? recent : [started, ...recent]
  } catch {
    return []
  } finally {
    await handle.close()
  }
}

/** The last `run.started` of a run before an offset. */
async function startOf(handle: FileHandle, before: number, run: string | undefined): Promise<RalphEvent | null> {
  let after = ''
  for (let end = before; end > 0 && before - end < FURTHEST_BYTES; end -= STEP_BYTES) {
    const text = (await read(handle, Math.max(0, end - STEP_BYTES), end)) + after
    const starts = parse(text.split('\n').filter((line) => line.includes('"run.started"')).join('\n')).filter((event) => event.event === 'run.started' && event.run === run)
    const last = starts.at(-1)
    if (last) return last
    // A line that begins in the block before.
    after = text.slice(0, text.indexOf('\n') + 1 || text.length).slice(0, STEP_BYTES)
  }
  return null
}

async function read(handle: FileHandle, from: number, to: number): Promise<string> {
  const buffer = Buffer.alloc(to - from)
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, from)
  return buffer.toString('utf8', 0, bytesRead)
}

function parse(text: string): RalphEvent[] {
  const events: RalphEvent[] = []
  for (const line of text.split('\n')) {
    if (line === '') continue
    try {
      const event = RalphEvent.safeParse(JSON.parse(line))
      if (event.success) events.push(event.data)
    } catch {
      // half a line
    }
  }
  return events
}
