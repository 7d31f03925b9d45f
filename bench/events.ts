import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { against, percentile, type Figure } from './figure.ts'

const ROUNDS = 5
const LINES = 100_000
const PROGRAM = join(import.meta.dir, 'events-reader.ts')
const Measured = z.object({ lines: z.number(), ms: z.number(), earlyMb: z.number(), lateMb: z.number() })

/**
 * The worker's reader on 100,000 lines from a real child process's standard output, each measure in a
 * process of its own, against splitting the same lines and JSON.parse; in turn.
 */
export async function run(): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'factory-bench-'))
  const file = join(dir, 'events.jsonl')
  writeFileSync(file, `${Array.from({ length: LINES }, (_, index) => JSON.stringify(event(index + 1))).join('\n')}\n`)
  const ours: z.infer<typeof Measured>[] = []
  const bare: z.infer<typeof Measured>[] = []
  try {
    // the first of each fills caches and is not counted
    for (let turn = 0; turn <= ROUNDS; turn++) {
      const [reader, peer] = [await measure('reader', file), await measure('bare', file)]
      if (turn === 0) continue
      ours.push(reader)
      bare.push(peer)
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
  const rate = (all: readonly z.infer<typeof Measured>[]): number => percentile(all.map((one) => one.lines / (one.ms / 1000)), 0.5)
  const memory = (all: readonly z.infer<typeof Measured>[]): number => percentile(all.map((one) => one.lateMb), 0.5)
  const growth = (all: readonly z.infer<typeof Measured>[]): number => percentile(all.map((one) => one.lateMb - one.earlyMb), 0.5)
  return [
    against('events read, p50 of rounds', rate(ours), '/s', 'split and JSON.parse', rate(bare)),
    against('resident memory at 100,000 lines, p50', memory(ours), 'MB', 'split and JSON.parse', memory(bare)),
    against('its growth from 10,000 to 100,000 lines, p50', growth(ours), 'MB', 'split and JSON.parse', growth(bare)),
  ]
}

async function measure(kind: 'reader' | 'bare', file: string): Promise<z.infer<typeof Measured>> {
  const child = Bun.spawn([process.execPath, PROGRAM, kind, file], { stdout: 'pipe', stderr: 'inherit' })
  const measured = Measured.parse(JSON.parse(await new Response(child.stdout).text()))
  if (measured.lines !== LINES) throw new Error(`${kind} read ${measured.lines} of ${LINES} lines`)
  return measured
}

/** A run as it goes: mostly what the agent does, now and then a heartbeat, an iteration, a verification. */
function event(seq: number): Record<string, unknown> {
  const head = { v: 1, seq, ts: new Date(1_767_225_600_000 + seq).toISOString(), run: 'bench' }
  const check = { command: 'bun test', exitCode: 0, durationMs: 1000, timedOut: false, outputTail: 'ok 1 - a test\n'.repeat(100), tests: { passed: 100, failed: 0, skipped: 0 } }
  if (seq % 500 === 0) return { ...head, event: 'verify.finished', report: { baseSha: 'a'.repeat(40), headSha: 'b'.repeat(40), base: [check], head: [check], findings: [], diff: { files: 1, insertions: 1, deletions: 1 }, passed: true, reason: '1 of 1 checks passed' } }
  if (seq % 100 === 0) return { ...head, event: 'iteration.finished', iteration: seq / 100, durationMs: 1000, isError: false, endedBy: null, commit: 'c'.repeat(40), tree: 'd'.repeat(40), usage: { iterations: 1, inputTokens: 1, outputTokens: 1, cacheReadTokens: 1, cacheWriteTokens: 1, costUsd: 0.01 }, text: 'It is done. '.repeat(20) }
  if (seq % 20 === 0) return { ...head, event: 'heartbeat', iteration: 1, elapsedMs: seq }
  return { ...head, event: 'agent.activity', iteration: 1, kind: 'tool', summary: `Bash cat src/some/file-${seq}.ts | head -50 # Grüße`, tool: 'Bash', parent: null }
}
