import { mkdirSync } from 'node:fs'
import { access, constants, open, rm } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { StartError, type WorkerRuntime, type WorkerSpec, type WorkerState } from '../../ports/worker-runtime.ts'
import { lastText } from '../worker-output.ts'
import { cacheDirectory, listDirectories, WorkerDirectory } from './directory.ts'
import { launch } from './launch.ts'
import { readLogFile } from './read-log.ts'
import { pause, stopTree } from './stop.ts'
import { sweepDirectories } from './sweep.ts'
import type { Mark } from './select.ts'

export type ProcessRuntimeOptions = {
  instance: string
  /** Workers live in `<dataDir>/workers/<instance>/<name>`, caches in `<dataDir>/cache/<instance>`. */
  dataDir: string
  /** Executed for each worker; the first word is a path or found on PATH. */
  command: readonly string[]
  /** http://127.0.0.1:3002 */
  gatewayUrl: string
  claudeBin: string
  /** Words separated by spaces, as the worker splits them. */
  ralphCommand: string
  /** Where workers find git and the repository's tools. */
  path: string
  /** Milliseconds; what is older than ten minutes by it was left over. */
  now?: () => number
}

const MARK = 'FACTORY_WORKER_MARK'
const NAME = /^[a-z0-9][a-z0-9_.-]{0,99}$/i
const START_MS = 10_000

/** Workers as plain processes of this user: for machines without an engine, for development and tests. */
export function createProcessRuntime(options: ProcessRuntimeOptions): WorkerRuntime {
  if (!NAME.test(options.instance)) throw new Error(`"${options.instance}" cannot be an instance's name`)
  const dataDir = resolve(options.dataDir)
  const root = join(dataDir, 'workers', options.instance)
  const starting = new Map<string, Promise<WorkerState>>()

  const directoryOf = (name: string) => new WorkerDirectory(root, name)
  const markOf = (name: string): Mark => ({ variable: MARK, value: `${options.instance}/${name}`, directory: directoryOf(name).path })

  function envOf(spec: WorkerSpec, directory: WorkerDirectory): Record<string, string> {
    return {
      FACTORY_GATEWAY_URL: options.gatewayUrl,
      FACTORY_RUN_ID: String(spec.runId),
      FACTORY_RUN_TOKEN: spec.runToken,
      FACTORY_WORKSPACE: directory.file('workspace'),
      FACTORY_CACHE_DIR: cacheDirectory(dataDir, options.instance, spec.cache),
      CLAUDE_BIN: options.claudeBin,
      RALPH_COMMAND: options.ralphCommand,
      HOME: directory.file('home'),
      TMPDIR: directory.file('tmp'),
      PATH: options.path,
      LANG: 'C.UTF-8',
      [MARK]: markOf(spec.name).value,
    }
  }

  function stateOf(directory: WorkerDirectory): WorkerState | null {
    const card = directory.card()
    if (!card) return null
    const base = { name: card.name, runId: card.runId, outOfMemory: false }
    // In this order: the wrapper may end between two looks, and its exit code is there before it goes.
    const running = directory.leader() !== null
    const exitCode = directory.exitCode()
    if (exitCode !== null) return { ...base, status: 'exited', exitCode }
    if (running) return { ...base, status: 'running', exitCode: null }
    if (!directory.started()) return { ...base, status: 'created', exitCode: null }
    // The wrapper was killed, or the machine went down: nobody saw an exit code.
    return { ...base, status: 'exited', exitCode: directory.exitCode() }
  }

  async function run(spec: WorkerSpec): Promise<WorkerState> {
    if (!NAME.test(spec.name)) throw new StartError('start_failed', `"${spec.name}" cannot be a worker's name`, { permanent: true })
    const directory = directoryOf(spec.name)
    const before = stateOf(directory)
    if (before && before.status !== 'created') return before
    try {
      directory.make({ name: spec.name, runId: spec.runId, itemId: spec.itemId, repo: spec.repo, cache: spec.cache })
      mkdirSync(cacheDirectory(dataDir, options.instance, spec.cache), { recursive: true, mode: 0o700 })
      await launch(directory, options.command, envOf(spec, directory))
    } catch (error) {
      throw new StartError('start_failed', `the worker's process could not be started: ${error instanceof Error ? error.message : String(error)}`, { permanent: false, cause: error })
    }
    const deadline = Date.now() + START_MS
    for (;;) {
      const state = stateOf(directory)
      if (state && state.status !== 'created') return state
      if (Date.now() > deadline) throw new StartError('start_failed', `the worker's process did not begin within ${START_MS} ms`, { permanent: false })
      await pause(5)
    }
  }

  return {
    kind: 'process',
    isolation: 'NO SANDBOX: each worker is a plain process of this user and can read and change everything this user can. Use Docker for work from people you do not trust.',
    async prepare() {
      mkdirSync(root, { recursive: true, mode: 0o700 })
      const [program] = options.command
      if (program && isAbsolute(program)) await access(program, constants.X_OK)
    },
    start(spec) {
      // Two calls at once must not both find nothing there.
      const going = starting.get(spec.name)
      if (going) return going
      const started = run(spec).finally(() => starting.delete(spec.name))
      starting.set(spec.name, started)
      return started
    },
    list() {
      return Promise.resolve(
        listDirectories(root)
          .map(stateOf)
          .filter((state) => state !== null),
      )
    },
    async stop(name, { graceSeconds }) {
      if (!NAME.test(name)) return
      await stopTree(directoryOf(name), markOf(name), graceSeconds)
    },
    async remove(name) {
      if (!NAME.test(name)) return
      const directory = directoryOf(name)
      // With its exit code written the wrapper is as good as gone, even if the kernel still shows it.
      if (directory.leader() && directory.exitCode() === null) throw new Error(`worker ${name} is still running`)
      // A server that the worker left behind has no container to die with.
      await stopTree(directory, markOf(name), 0)
      await rm(directory.path, { recursive: true, force: true })
    },
    async tail(name, bytes) {
      if (!NAME.test(name) || bytes <= 0) return ''
      let file
      try {
        file = await open(directoryOf(name).file('log'), 'r')
      } catch {
        return ''
      }
      try {
        const { size } = await file.stat()
        // A little more than asked for, so that a cut character can be seen as one.
        const length = Math.min(size, bytes + 4)
        const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
        return lastText(buffer.subarray(0, bytesRead), bytes)
      } finally {
        await file.close()
      }
    },
    async readLog(name, from, maxBytes) {
      const directory = directoryOf(NAME.test(name) ? name : '.none')
      // Looked at before the file is read: with an exit code there, the file is complete.
      const state = stateOf(directory)
      return state && readLogFile(directory.file('log'), { ended: state.status === 'exited', from, maxBytes })
    },
    sweep: (needed) => sweepDirectories({ dataDir, instance: options.instance, root, now: options.now ?? Date.now, end: (directory) => stopTree(directory, markOf(directory.name), 0) }, needed),
    async ping() {
      mkdirSync(root, { recursive: true, mode: 0o700 })
      await access(root, constants.W_OK)
    },
    close: () => Promise.resolve(),
  }
}
