import { NO_USAGE, parseSpec, pause, RALPH_EXIT, type RalphExit } from '@factory/shared/ralph'
import { resolve } from 'node:path'
import { z } from 'zod'
import manifest from '../../package.json' with { type: 'json' }
import { chooseAgent } from '../agents/choose.ts'
import { runDraft } from '../draft.ts'
import { openWriter } from '../events/writer.ts'
import { runLoop } from '../loop/loop.ts'
import { installManaged, managedSettings } from '../locks/managed.ts'
import { Ended } from '../outcome.ts'
import { excludeFiles, openPlace } from '../place.ts'
import { readStatus, sayStatus } from '../status.ts'
import { runVerify } from '../verify-run.ts'
import type { World } from '../world.ts'
import { dryRunCommand } from './dry-run.ts'
import { executeCommand } from './execute-command.ts'
import { readCommand, UsageError, type Flags, type Given } from './flags.ts'
import { helpText } from './help.ts'
import type { Io } from './io.ts'
import { lint } from './lint.ts'
import { environmentOf, mcpConfig, MINUTE, readGiven, runOptions } from './options.ts'

const VERSION: string = z.object({ version: z.string() }).parse(manifest).version

/** Runs one command line and returns its exit code. */
export async function main(argv: readonly string[], io: Io): Promise<RalphExit> {
  if (argv.includes('--help') || argv.includes('-h') || argv[0] === 'help') return say(io, helpText())
  if (argv.includes('--version')) return say(io, `${VERSION}\n`)
  let given: Given
  try {
    given = readCommand(argv)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return misused(argv[0], error.message, io)
  }
  switch (given.command) {
    case 'run':
      return run(given.flags, io)
    case 'draft':
      return draft(given.flags, io)
    case 'verify':
      return verify(given.flags, io)
    case 'status': {
      const now = io.now().getTime()
      const status = await readStatus(resolve(io.cwd, given.flags.dir ?? '.'), now)
      return say(io, given.flags.json ? `${JSON.stringify(status)}\n` : sayStatus(status, now))
    }
    case 'spec lint':
      return lint(given.rest, given.flags.json, io)
    case 'managed-settings':
      return managed(given.flags, io)
  }
}

/** Readers of events get their one `run.finished` also for a command line that cannot be understood. */
function misused(command: string | undefined, message: string, io: Io): RalphExit {
  io.err(`ralph: ${message}\nTry "ralph --help".\n`)
  if (io.eventsOut !== false && (command === 'run' || command === 'draft' || command === 'verify')) {
    const writer = openWriter({ run: 'none', file: null, now: io.now, out: io.out })
    writer.emit({ event: 'run.finished', exitCode: RALPH_EXIT.usage, reason: message, until: null, headSha: null, usage: NO_USAGE, report: null })
  }
  return RALPH_EXIT.usage
}

function say(io: Io, text: string): RalphExit {
  io.out(text)
  return RALPH_EXIT.verified
}

const jobOf = (flags: { dir: string | null; run: string | null; quiet: boolean; plain: boolean }, io: Io) => ({ dir: resolve(io.cwd, flags.dir ?? '.'), run: flags.run, quiet: flags.quiet, plain: flags.plain })

async function run(flags: Flags<'run'>, io: Io): Promise<RalphExit> {
  const job = jobOf(flags, io)
  if (flags['dry-run']) return dryRunCommand(flags, io)
  if (flags.json) return misused('run', '--json goes with --dry-run; events are JSON already', io)
  const specFile = resolve(job.dir, flags.spec ?? 'SPEC.md')
  return executeCommand(io, {
    ...job,
    resumes: specFile,
    async work({ run, key, emit, nextSeq, withoutHeartbeat, signal }) {
      const world = worldOf(flags.claude, io, { key, emit, nextSeq, withoutHeartbeat, signal }, await mcpConfig(flags['mcp-config'], io))
      const place = await openPlace({ dir: job.dir, spec: specFile, path: world.path, home: environmentOf(io).home })
      return runLoop(await runOptions(flags, io), run, place, world)
    },
  })
}

async function draft(flags: Flags<'draft'>, io: Io): Promise<RalphExit> {
  const job = jobOf(flags, io)
  return executeCommand(io, {
    ...job,
    resumes: null,
    async work({ key, emit, nextSeq, withoutHeartbeat, signal }) {
      if (flags.request === null) throw new UsageError('--request FILE is missing: the file with what is asked for')
      const request = await readGiven('--request', flags.request, io)
      const world = worldOf(flags.claude, io, { key, emit, nextSeq, withoutHeartbeat, signal })
      const place = await openPlace({ dir: job.dir, spec: resolve(job.dir, flags.out ?? 'SPEC.md'), path: world.path, home: environmentOf(io).home })
      return runDraft(
        {
          request: request ?? '',
          model: flags.model,
          maxIterations: flags['max-iterations'],
          maxCostUsd: flags['max-cost-usd'],
          maxMinutes: flags['max-minutes'],
          iterationMs: flags['iteration-minutes'] * MINUTE,
          previous: await readGiven('--previous', flags.previous, io),
        },
        place,
        world,
      )
    },
  })
}

async function verify(flags: Flags<'verify'>, io: Io): Promise<RalphExit> {
  const job = jobOf(flags, io)
  return executeCommand(io, {
    ...job,
    resumes: null,
    async work({ key, emit, signal }) {
      if (flags.base === null || flags.head === null) throw new UsageError('--base SHA and --head SHA are both needed')
      const environment = environmentOf(io)
      const place = await openPlace({ dir: job.dir, spec: 'SPEC.md', path: environment.path, home: environment.home })
      await excludeFiles(place)
      const spec = await readGiven('--spec', flags.spec, io)
      const options = { base: flags.base, head: flags.head, setup: flags.setup, verify: flags.verify, required: flags.require, spec: spec === null ? null : parseSpec(spec), limitMs: flags['verify-minutes'] * MINUTE, allowUnchecked: flags['no-verify-ok'] }
      return runVerify(options, place.git, { key, commandEnv: environment.command, signal, emit })
    },
  })
}

/** Prints the managed settings, or installs them. */
async function managed(flags: Flags<'managed-settings'>, io: Io): Promise<RalphExit> {
  if (!flags.install) return say(io, managedSettings())
  const problem = await installManaged({ force: flags.force })
  if (problem === null) return RALPH_EXIT.verified
  io.err(`ralph: ${problem}\n`)
  return RALPH_EXIT.usage
}

function worldOf(claude: string | null, io: Io, given: Pick<World, 'key' | 'emit' | 'nextSeq' | 'withoutHeartbeat' | 'signal'>, mcpConfig: string | null = null): World {
  const environment = environmentOf(io)
  const agent = chooseAgent('claude', { bin: claude === null ? null : resolve(io.cwd, claude), key: given.key, environment, mcpConfig })
  if ('problem' in agent) throw new Ended(RALPH_EXIT.usage, agent.problem)
  return { ...given, agent, path: environment.path, commandEnv: environment.command, callerEnv: io.env, now: () => io.now().getTime(), sleep: pause }
}
