import { existsSync, writeSync } from 'node:fs'
import { z } from 'zod'

/**
 * Stands in for Ralph in tests of the worker: does the steps of a JSON file in its working directory
 * and writes down how it was called. Usage: bun fake-ralph.ts STEPS.json RECORD.json run|draft|verify …
 */
export const FakeStep = z.union([
  z.strictObject({ emit: z.looseObject({ event: z.string() }) }),
  z.strictObject({ write: z.string(), text: z.string() }),
  /** Commits everything that is not excluded and says so as `iteration.finished`. */
  z.strictObject({ iterate: z.number() }),
  /** Bytes for stdout as they are. */
  z.strictObject({ raw: z.string() }),
  z.strictObject({ stderr: z.string() }),
  /** Goes on when this file is there. */
  z.strictObject({ waitFor: z.string() }),
  /** SIGTERM does nothing from here on. */
  z.strictObject({ deaf: z.literal(true) }),
  /** Commits, then `run.finished` and the end. */
  z.strictObject({ finish: z.number(), reason: z.string().default(''), until: z.string().nullable().default(null), report: z.unknown().default(null) }),
  z.strictObject({ exit: z.number() }),
])
export type FakeStep = z.input<typeof FakeStep>

/** Written before the next step: what process.stdout still holds is lost at process.exit. */
const say = (text: string) => void writeSync(1, text)

const usage = { iterations: 1, inputTokens: 100, outputTokens: 10, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0.25 }

async function main(stepsFile: string, recordFile: string, argv: readonly string[]): Promise<void> {
  await Bun.write(recordFile, JSON.stringify({ argv, env: process.env, pid: process.pid }))
  let seq = 0
  let iterations = 0
  const emit = (event: Record<string, unknown>) => {
    seq += 1
    say(`${JSON.stringify({ v: 1, seq, ts: '2026-01-01T00:00:00.000Z', run: '7', ...event })}\n`)
  }
  const git = (...args: string[]) => Bun.spawnSync(['git', '-c', 'user.name=r', '-c', 'user.email=r@example.com', ...args]).stdout.toString().trim()
  const total = () => ({ ...usage, iterations, costUsd: iterations * usage.costUsd })
  for (const step of z.array(FakeStep).parse(await Bun.file(stepsFile).json())) {
    if ('emit' in step) emit(step.emit)
    if ('write' in step) await Bun.write(step.write, step.text)
    if ('raw' in step) say(step.raw)
    if ('stderr' in step) process.stderr.write(step.stderr)
    if ('deaf' in step) process.on('SIGTERM', () => undefined)
    if ('waitFor' in step) while (!existsSync(step.waitFor)) await new Promise((resolve) => setTimeout(resolve, 10))
    if ('iterate' in step) {
      iterations += 1
      const before = git('rev-parse', 'HEAD')
      git('add', '-A')
      git('commit', '-q', '-m', `iteration ${step.iterate}`)
      const after = git('rev-parse', 'HEAD')
      emit({ event: 'iteration.finished', iteration: step.iterate, durationMs: 5, isError: false, commit: after === before ? null : after, tree: git('rev-parse', 'HEAD^{tree}'), usage, text: `Did iteration ${step.iterate}` })
    }
    if ('finish' in step) {
      emit({ event: 'run.finished', exitCode: step.finish, reason: step.reason, until: step.until, headSha: git('rev-parse', 'HEAD'), usage: total(), report: step.report })
      process.exit(step.finish)
    }
    if ('exit' in step) process.exit(step.exit)
  }
}

if (import.meta.main) await main(process.argv[2] ?? '', process.argv[3] ?? '', process.argv.slice(4))
