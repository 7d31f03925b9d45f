import { adviseSpec, checkSpec, ConfigError, NO_USAGE, parseSpec, pause, RALPH_EXIT, type RalphExit } from '@factory/shared'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { z } from 'zod'
import manifest from '../../package.json' with { type: 'json' }
import { chooseAgent } from '../agents/choose.ts'
import { readEnvironment, type RalphEnvironment } from '../config.ts'
import { runDraft } from '../draft.ts'
import { openWriter } from '../events/writer.ts'
import { runLoop } from '../loop.ts'
import { installManaged, managedSettings } from '../locks/managed.ts'
import { Ended } from '../outcome.ts'
import { excludeFiles, openPlace } from '../place.ts'
import { readStatus, sayStatus } from '../status.ts'
import { runVerify } from '../verify-run.ts'
import type { World } from '../world.ts'
import { executeCommand } from './execute-command.ts'
import { helpText, readCommand, UsageError, type Flags, type Given } from './flags.ts'
import type { Io } from './io.ts'

const MINUTE = 60_000
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
      const status = await readStatus(resolve(io.cwd, given.flags.dir ?? '.'))
      return say(io, given.flags.json ? `${JSON.stringify(status)}\n` : sayStatus(status))
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
  if (command === 'run' || command === 'draft' || command === 'verify') {
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
  const specFile = resolve(job.dir, flags.spec ?? 'SPEC.md')
  return executeCommand(io, {
    ...job,
    resumes: specFile,
    async work({ run, emit, signal }) {
      const world = worldOf(flags.claude, io, emit, signal)
      const place = await openPlace({ dir: job.dir, spec: specFile, path: world.path, home: environmentOf(io).home })
      const options = {
        dir: job.dir,
        spec: flags.spec ?? 'SPEC.md',
        run: flags.run,
        base: flags.base,
        model: flags.model,
        bounds: { maxIterations: flags['max-iterations'], maxCostUsd: flags['max-cost-usd'], maxMinutes: flags['max-minutes'] },
        iterationMs: flags['iteration-minutes'] * MINUTE,
        setup: flags.setup,
        verify: flags.verify,
        require: [],
        verifyMs: flags['verify-minutes'] * MINUTE,
        allowUnchecked: flags['no-verify-ok'],
        checksAtEnd: flags['checks-at-end'],
        learnings: await optional('--learnings', flags.learnings, io),
        previous: await optional('--previous', flags.previous, io),
        beforeEdit: flags['before-edit'],
      }
      return runLoop(options, run, place, world)
    },
  })
}

async function draft(flags: Flags<'draft'>, io: Io): Promise<RalphExit> {
  const job = jobOf(flags, io)
  return executeCommand(io, {
    ...job,
    resumes: null,
    async work({ emit, signal }) {
      if (flags.request === null) throw new UsageError('--request FILE is missing: the file with what is asked for')
      const request = await optional('--request', flags.request, io)
      const world = worldOf(flags.claude, io, emit, signal)
      const place = await openPlace({ dir: job.dir, spec: resolve(job.dir, flags.out ?? 'SPEC.md'), path: world.path, home: environmentOf(io).home })
      return runDraft(
        {
          request: request ?? '',
          model: flags.model,
          maxIterations: flags['max-iterations'],
          maxCostUsd: flags['max-cost-usd'],
          maxMinutes: flags['max-minutes'],
          iterationMs: flags['iteration-minutes'] * MINUTE,
          previous: await optional('--previous', flags.previous, io),
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
    async work({ emit, signal }) {
      if (flags.base === null || flags.head === null) throw new UsageError('--base SHA and --head SHA are both needed')
      const environment = environmentOf(io)
      const place = await openPlace({ dir: job.dir, spec: 'SPEC.md', path: environment.path, home: environment.home })
      await excludeFiles(place)
      const options = { base: flags.base, head: flags.head, setup: flags.setup, verify: flags.verify, limitMs: flags['verify-minutes'] * MINUTE, allowUnchecked: flags['no-verify-ok'] }
      return runVerify(options, place.git, { commandEnv: environment.command, signal, emit })
    },
  })
}

async function lint(files: readonly string[], json: boolean, io: Io): Promise<RalphExit> {
  const [file] = files
  const text = file === undefined ? null : await readFile(resolve(io.cwd, file), 'utf8').catch(() => null)
  if (text === null || files.length !== 1) {
    io.err(files.length === 1 ? `ralph: ${file} cannot be read\n` : 'ralph: name one file: ralph spec lint SPEC.md\n')
    return RALPH_EXIT.usage
  }
  const spec = parseSpec(text)
  const problems = checkSpec(spec)
  const warnings = adviseSpec(spec)
  if (json) io.out(`${JSON.stringify({ tasks: spec.tasks.length, verify: spec.verify, problems, warnings })}\n`)
  else {
    for (const problem of problems) io.out(`error ${problem.code}: ${problem.message}\n`)
    for (const warning of warnings) io.out(`warning ${warning.code}: ${warning.message}\n`)
    io.out(`${spec.tasks.length} tasks, ${spec.acceptance.length} acceptance criteria, ${spec.verify.length} verify commands: ${problems.length === 0 ? 'fine' : 'cannot be run'}\n`)
  }
  return problems.length === 0 ? RALPH_EXIT.verified : RALPH_EXIT.badSpec
}

/** Prints the managed settings, or installs them. */
async function managed(flags: Flags<'managed-settings'>, io: Io): Promise<RalphExit> {
  if (!flags.install) return say(io, managedSettings())
  const problem = await installManaged({ force: flags.force })
  if (problem === null) return RALPH_EXIT.verified
  io.err(`ralph: ${problem}\n`)
  return RALPH_EXIT.usage
}

function worldOf(claude: string | null, io: Io, emit: World['emit'], signal: AbortSignal): World {
  const environment = environmentOf(io)
  const agent = chooseAgent('claude', { bin: claude === null ? null : resolve(io.cwd, claude), environment, mcpConfig: null })
  if ('problem' in agent) throw new Ended(RALPH_EXIT.usage, agent.problem)
  return { agent, emit, path: environment.path, commandEnv: environment.command, callerEnv: io.env, now: () => io.now().getTime(), sleep: pause, signal }
}

function environmentOf(io: Io): RalphEnvironment {
  try {
    return readEnvironment(io.env)
  } catch (error) {
    if (error instanceof ConfigError) throw new Ended(RALPH_EXIT.usage, error.message)
    throw error
  }
}

async function optional(flag: string, file: string | null, io: Io): Promise<string | null> {
  if (file === null) return null
  return readFile(resolve(io.cwd, file), 'utf8').catch((error: unknown) => {
    throw new UsageError(`${flag} ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  })
}
