import type { Client } from '@factory/orchestrator/client'
import { FactoryError, isLiveRun, isTerminalWork, pause, type LogLine, type Run, type WorkDetail } from '@factory/shared'
import { readId, text } from '../arguments.ts'
import type { Command } from '../command.ts'
import { visible } from '../terminal/visible.ts'

const PAGE = 1_000
const ASK_AGAIN_MS = 1_000
/** Further lines of one entry stand under its text, so that none can pass for an entry of its own. */
const INDENT = ' '.repeat(16)

export const command: Command = {
  usage: 'factory work logs ID [--run RUN] [--follow]',
  details: '--follow goes on, over further runs of the item too, until the item has come to its end. With\n--json the document is printed at the end.',
  options: { run: { type: 'string' }, follow: { type: 'boolean' } },
  optionHelp: { run: 'this run instead of the latest', follow: 'print what is added until it ends' },
  positionals: { min: 1, max: 1 },
  async run(context) {
    const { positionals, values, io, json, style } = context
    const client = await context.client()
    const id = readId(positionals[0], 'ID')
    const chosen = text(values, 'run')
    const wanted = chosen === undefined ? null : readId(chosen, '--run')
    const follow = values['follow'] === true
    const lines: (LogLine & { run: number })[] = []
    const say = (run: Run, line: LogLine) => {
      if (json) lines.push({ ...line, run: run.id })
      else io.out(`${style('quiet', `${line.at.slice(11, 19)} ${line.stream.padEnd(6)}`)} ${visible(line.text).replaceAll('\n', `\n${INDENT}`)}\n`)
    }

    const read = new Map<number, number>()
    for (;;) {
      // Asked for before the lines are read: what a run says before it ends is then never missed.
      const detail = await client.call('getWork', { params: { id } })
      const run = pick(detail, wanted)
      if (run === null && !follow) return { json: { item: id, lines: [] }, text: 'The item has no run yet.' }
      if (run) read.set(run.id, await readOn(client, run, read.get(run.id) ?? 0, say))
      if (!follow || io.signal.aborted || ended(detail, run, wanted)) {
        const silent = [...read.values()].every((next) => next === 0)
        return { json: { item: id, lines }, ...(silent ? { text: 'Nothing was said yet.' } : {}) }
      }
      await pause(ASK_AGAIN_MS, io.signal)
    }
  },
}

function pick(detail: WorkDetail, wanted: number | null): Run | null {
  if (wanted === null) return detail.runs.toSorted((a, b) => b.token - a.token)[0] ?? null
  const run = detail.runs.find((one) => one.id === wanted)
  if (!run) throw new FactoryError('not_found', `item ${detail.item.id} has no run ${wanted}`)
  return run
}

function ended(detail: WorkDetail, run: Run | null, wanted: number | null): boolean {
  if (run && isLiveRun(run.status)) return false
  return wanted !== null || isTerminalWork(detail.item.status)
}

async function readOn(client: Client, run: Run, from: number, say: (run: Run, line: LogLine) => void): Promise<number> {
  let after = from
  for (;;) {
    const page = await client.call('workerLogs', { params: { id: run.id }, query: { after, limit: PAGE } })
    for (const line of page.lines) say(run, line)
    after = page.next
    if (page.lines.length < PAGE) return after
  }
}
