import { closeSync, existsSync, openSync, writeSync } from 'node:fs'
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
  /** A shell command in a session of its own, as Ralph starts its agent; it holds Ralph's output open. */
  z.strictObject({ detach: z.string() }),
  /** Lines that are no events, and an event now and then, as fast as they are read, until this file is there. */
  z.strictObject({ floodUntil: z.string() }),
  /** Writes into this file until the disk takes no more, or so many bytes are in it. */
  z.strictObject({ fill: z.string(), bytes: z.number().default(Number.MAX_SAFE_INTEGER) }),
  /** Commits, then `run.finished` and the end. */
  z.strictObject({ finish: z.number(), reason: z.string().default(''), until: z.string().nullable().default(null), report: z.unknown().default(null) }),
  z.strictObject({ exit: z.number() }),
])
export type FakeStep = z.input<typeof FakeStep>

/** Written before the next step: what process.stdout still holds is lost at process.exit. */
function say(text: string): void {
  let rest = Buffer.from(text)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
    }
  }
}

/** Returns how the disk said no; null: it took all. */
function fill(path: string, bytes: number): string | null {
  const block = Buffer.alloc(64 * 1024, 'x')
  const file = openSync(path, 'w')
  try {
    for (let done = 0; done < bytes; done += block.length) writeSync(file, block)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    closeSync(file)
  }
}

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
    if ('detach' in step) Bun.spawn(['setsid', 'sh', '-c', step.detach], { stdin: 'ignore', stdout: 'inherit', stderr: 'ignore' })
    if ('floodUntil' in step) {
      const noise = `${'no event at all '.repeat(64)}\n`.repeat(64)
      for (let index = 0; !existsSync(step.floodUntil); index++) {
        say(noise)
        if (index % 50 === 0) emit({ event: 'heartbeat', iteration: 1, elapsedMs: index })
      }
    }
    if ('fill' in step) {
      const problem = fill(step.fill, step.bytes)
      if (problem !== null) process.stderr.write(`${problem}\n`)
    }
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
