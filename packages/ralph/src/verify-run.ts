import { NO_USAGE, RALPH_EXIT, type RalphEventBody, type Spec } from '@factory/shared/ralph'
import type { Git } from './git/git.ts'
import { Ended, type Outcome } from './outcome.ts'
import { commandsOf, measure } from './verify/room.ts'
import { unusableBase, verifyHead } from './verify/verify.ts'

export type VerifyOptions = {
  base: string
  head: string
  setup: readonly string[]
  verify: readonly string[]
  /** Must succeed at head whatever they did at base. */
  required: readonly string[]
  /** What it asks for by name does not block. */
  spec: Spec | null
  limitMs: number
  allowUnchecked: boolean
}

/**
 * `ralph verify`: base, then head, each in a clean room.
 * @throws Ended when there is nothing to measure
 */
export async function runVerify(options: VerifyOptions, git: Git, world: { key: string; commandEnv: Record<string, string>; signal: AbortSignal; emit: (body: RalphEventBody) => void }): Promise<Outcome> {
  const [baseSha, headSha] = await Promise.all([git.commit(options.base), git.commit(options.head)])
  if (!baseSha) throw new Ended(RALPH_EXIT.baseUnverifiable, `--base ${options.base} is no commit of this repository`)
  if (!headSha) throw new Ended(RALPH_EXIT.usage, `--head ${options.head} is no commit of this repository`)
  const checks = { setup: options.setup, verify: options.verify, required: options.required, limitMs: options.limitMs }
  const commands = commandsOf(checks)
  if (commands.length === 0 && !options.allowUnchecked) throw new Ended(RALPH_EXIT.badSpec, 'there is no verify command: name one with --verify or --require, or allow a check of the diff alone with --no-verify-ok')
  world.emit({ event: 'run.started', mode: 'verify', baseSha, tasks: [], verify: commands, model: null, maxIterations: 0, resumed: false })
  const room = { git, key: world.key, env: world.commandEnv, signal: world.signal }
  const base = await measure(room, baseSha, checks)
  const problem = unusableBase(base)
  if (problem) throw new Ended(RALPH_EXIT.baseUnverifiable, problem)
  const report = await verifyHead(room, { baseSha, headSha, base, checks, allowUnchecked: options.allowUnchecked, spec: options.spec })
  world.emit({ event: 'verify.finished', report })
  return { exitCode: report.passed ? RALPH_EXIT.verified : RALPH_EXIT.stuck, reason: report.reason, until: null, headSha, usage: NO_USAGE, report }
}
