import { ConfigError, RALPH_EXIT } from '@factory/shared/ralph'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { z } from 'zod'
import { findClaude } from '../agents/find.ts'
import { readEnvironment, type RalphEnvironment } from '../config.ts'
import { Ended } from '../outcome.ts'
import type { RunOptions } from '../loop/session.ts'
import { UsageError, type Flags } from './flags.ts'
import type { Io } from './io.ts'

export const MINUTE = 60_000

/**
 * What the flags of `ralph run` mean.
 * @throws UsageError for a file that cannot be read
 */
export async function runOptions(flags: Flags<'run'>, io: Io): Promise<RunOptions> {
  return {
    dir: resolve(io.cwd, flags.dir ?? '.'),
    spec: flags.spec ?? 'SPEC.md',
    run: flags.run,
    base: flags.base,
    model: flags.model,
    bounds: { maxIterations: flags['max-iterations'], maxCostUsd: flags['max-cost-usd'], maxMinutes: flags['max-minutes'] },
    iterationMs: flags['iteration-minutes'] * MINUTE,
    setup: flags.setup,
    verify: flags.verify,
    require: flags.require,
    verifyMs: flags['verify-minutes'] * MINUTE,
    allowUnchecked: flags['no-verify-ok'],
    checksAtEnd: flags['checks-at-end'],
    learnings: await readGiven('--learnings', flags.learnings, io),
    previous: await readGiven('--previous', flags.previous, io),
    beforeEdit: flags['before-edit'],
  }
}

/** @throws Ended when the environment cannot be understood */
export function environmentOf(io: Io): RalphEnvironment {
  try {
    return readEnvironment(io.env)
  } catch (error) {
    if (error instanceof ConfigError) throw new Ended(RALPH_EXIT.usage, error.message)
    throw error
  }
}

/** The claude binary. @throws Ended when there is none */
export function claudeOf(flag: string | null, environment: RalphEnvironment, io: Io): string {
  const found = findClaude({ flag: flag === null ? null : resolve(io.cwd, flag), env: environment.claudeBin, path: environment.path })
  if ('problem' in found) throw new Ended(RALPH_EXIT.usage, found.problem)
  return found.bin
}

const McpConfig = z.looseObject({ mcpServers: z.record(z.string(), z.looseObject({})) })

/** The text of --mcp-config, checked as far as Ralph needs it. @throws UsageError */
export async function mcpConfig(file: string | null, io: Io): Promise<string | null> {
  const text = await readGiven('--mcp-config', file, io)
  if (text === null) return null
  const problem = problemOf(text)
  if (problem !== null) throw new UsageError(`--mcp-config ${file} ${problem}`)
  return text
}

function problemOf(text: string): string | null {
  try {
    return McpConfig.safeParse(JSON.parse(text)).success ? null : 'must be an object { "mcpServers": { "NAME": { … } } }'
  } catch (error) {
    return `is not JSON: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** The text of a file that a flag names. @throws UsageError when it cannot be read */
export async function readGiven(flag: string, file: string | null, io: Io): Promise<string | null> {
  if (file === null) return null
  return readFile(resolve(io.cwd, file), 'utf8').catch((error: unknown) => {
    throw new UsageError(`${flag} ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  })
}
