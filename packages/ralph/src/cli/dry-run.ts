import { RALPH_EXIT, type RalphExit } from '@factory/shared/ralph'
import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { safeLine } from '../events/safe.ts'
import { Ended } from '../outcome.ts'
import { aiDir, filesIn, inTheWay, openPlace } from '../place.ts'
import { readHolder } from '../progress/lock.ts'
import { UsageError, type Flags } from './flags.ts'
import type { Io } from './io.ts'
import { claudeOf, environmentOf, mcpConfig, runOptions } from './options.ts'
import { planRun, type Plan } from './plan.ts'
import { unfinishedRun } from './unfinished.ts'

/** What the plan does not decide but people want to see. */
type Means = { claude: string; beforeEdit: string | null; mcpConfig: string | null }

/** `ralph run --dry-run`: the plan and the very next prompt. Runs nothing but git, writes nothing. */
export async function dryRunCommand(flags: Flags<'run'>, io: Io): Promise<RalphExit> {
  try {
    const plan = await look(flags, io)
    io.out(flags.json ? `${JSON.stringify(plan)}\n` : sayPlan(plan))
    return RALPH_EXIT.verified
  } catch (error) {
    const exitCode = error instanceof Ended ? error.exitCode : error instanceof UsageError ? RALPH_EXIT.usage : RALPH_EXIT.internal
    const reason = error instanceof Error ? error.message : String(error)
    if (flags.json) io.out(`${JSON.stringify({ exitCode, reason })}\n`)
    io.err(`ralph: the run would end with ${exitCode}: ${safeLine(reason)}\n`)
    return exitCode
  }
}

/** The checks come in the order in which `ralph run` makes them. */
async function look(flags: Flags<'run'>, io: Io): Promise<Plan & Means> {
  const dir = await realpath(resolve(io.cwd, flags.dir ?? '.')).catch(() => null)
  if (dir === null) throw new Ended(RALPH_EXIT.usage, `--dir ${resolve(io.cwd, flags.dir ?? '.')} is not a directory`)
  const strange = await inTheWay(dir)
  if (strange !== null) throw new Ended(RALPH_EXIT.usage, strange)
  const files = filesIn(aiDir(dir))
  const holder = await readHolder(files.lock)
  if (holder) throw new Ended(RALPH_EXIT.lockConflict, `another Ralph (process ${holder.pid}, run ${holder.run}) works in ${dir}`)
  const servers = await mcpConfig(flags['mcp-config'], io)
  const environment = environmentOf(io)
  const claude = claudeOf(flags.claude, environment, io)
  const spec = resolve(dir, flags.spec ?? 'SPEC.md')
  const place = await openPlace({ dir, spec, path: environment.path, home: environment.home })
  const plan = await planRun(await runOptions(flags, io), flags.run ?? (await unfinishedRun(files, spec)), place, () => io.now().getTime())
  return { ...plan, claude, beforeEdit: flags['before-edit'], mcpConfig: servers === null ? null : flags['mcp-config'] }
}

const SHOWN_PATHS = 20

/** The plan for people. */
export function sayPlan(plan: Plan & Means): string {
  const { bounds, next } = plan
  const list = (items: readonly string[], none: string): string => (items.length === 0 ? none : items.join('\n              '))
  const paths = plan.commits.length > SHOWN_PATHS ? [...plan.commits.slice(0, SHOWN_PATHS), `and ${plan.commits.length - SHOWN_PATHS} more`] : plan.commits
  const rows: [string, string | null][] = [
    ['run', plan.resumed ? `${plan.run}, goes on after ${bounds.usedIterations} iterations` : `${plan.run ?? 'a new one'}`],
    ['directory', `${plan.dir}, ${plan.branch?.replace('refs/heads/', 'branch ') ?? 'no branch'}, head ${plan.head?.slice(0, 12) ?? 'none'}`],
    ['base', `${plan.base?.slice(0, 12) ?? 'the commit of what lies in the tree'}${plan.measuresBase ? ', measured first' : ''}`],
    ['restores', plan.restoresHead === null ? null : `the branch to ${plan.restoresHead.slice(0, 12)}: a killed agent had moved it`],
    ['commits first', list(paths, 'nothing: the tree is clean')],
    ['spec', `${plan.spec}, ${plan.tasks.filter((task) => task.done).length} of ${plan.tasks.length} tasks done`],
    ['restores', plan.restoresSpec ? `${plan.spec}, as the run has it` : null],
    ['setup', list(plan.setup, 'nothing')],
    ['verify', list(plan.verify, 'nothing: the diff alone counts')],
    ['required', plan.required.length === 0 ? null : list(plan.required, '')],
    ['bounds', `iterations ${bounds.usedIterations} of ${bounds.maxIterations}, $${bounds.spentUsd.toFixed(2)} of $${bounds.maxCostUsd.toFixed(2)}, ${Math.floor(bounds.usedMinutes)} of ${bounds.maxMinutes} minutes; ${bounds.iterationMinutes} minutes an iteration, ${bounds.verifyMinutes} for checks`],
    ['model', plan.model ?? "the agent's default"],
    ['claude', plan.claude],
    ['before edits', plan.beforeEdit ?? 'nobody is asked'],
    ['MCP servers', plan.mcpConfig ?? 'none'],
  ]
  const table = rows.filter((row): row is [string, string] => row[1] !== null).map(([name, text]) => `${name.padEnd(14)}${text.split('\n').map(safeLine).join('\n')}`)
  const tasks = plan.tasks.map((task) => `  [${task.done ? 'x' : ' '}] ${safeLine(task.text)}${task.id === next?.task.id ? `   <- next: attempt ${next.attempt}${next.kind === 'diagnosis' ? ', a diagnosis' : ''}` : ''}`)
  const prompt = plan.prompt && next ? `Prompt of iteration ${next.iteration} (about ${plan.prompt.tokens} tokens of at most ${plan.prompt.budget}):\n\n${printable(plan.prompt.text)}` : plan.stops === null ? 'Every box is ticked: the checks come first, and a prompt only if they fail.\n' : `No iteration would follow: ${safeLine(plan.stops)}\n`
  return `Nothing is run and nothing is written. A run would begin so:\n\n${table.join('\n')}\n\nTasks:\n${tasks.join('\n')}\n\n${prompt}`
}

/** Line by line as it is, without what a terminal would obey; --json has every byte. */
const printable = (text: string): string => text.split('\n').map((line) => line.split('\t').map(safeLine).join('\t')).join('\n')
