import { stat } from 'node:fs/promises'
import { StartError, type WorkerRuntime, type WorkerSpec, type WorkerState } from '../../ports/worker-runtime.ts'
import { createCaches } from './caches.ts'
import { containerName, containerOptions } from './container-options.ts'
import { bounded, connectEngine, isGone, pull, refusal, startError } from './engine.ts'
import { NO_ENV, readImageEnv, type ImageEnv } from './image-env.ts'
import { demux, lastText } from '../worker-output.ts'
import { LABELS, type DockerRuntimeOptions } from './options.ts'
import { workerState } from './state.ts'
import { readLogEntries } from './read-log.ts'
import { sweepEngine } from './sweep.ts'
import { ensureToolsVolume } from './volumes.ts'

export type { DockerRuntimeOptions } from './options.ts'

/** Pulling an image is work, not silence. */
const PULL_MS = 600_000
const DEFAULT_CALL_MS = 20_000
const NAME_TAKEN_MS = 10_000
const KILL_MS = 15_000

/** What may stand in an address of the engine's API as an image: nothing that leads out of `/images/`. */
const IMAGE = /^(?!.*(\.\.|\/\/))[a-z0-9][a-z0-9._\-/:@]{0,254}$/i

/** Names come from item and token; anything else is a defect upstream, and some would be paths or flags. */
const NAME = /^[a-z0-9][a-z0-9_.-]{0,99}$/i

/** A directory only we may enter is a door that no worker gets through. One we cannot see may be the engine's host's. */
async function checkSocketDirectory({ workerSocketSource, logger }: DockerRuntimeOptions): Promise<void> {
  if (!workerSocketSource.startsWith('/')) return
  const found = await stat(workerSocketSource).catch(() => null)
  if (found && (found.mode & 0o001) === 0) logger.warn({ directory: workerSocketSource }, 'workers cannot reach the gateway: its socket directory must be open to other users (chmod 755)')
}

/** Workers in containers of a Docker engine. Rules for one container: container-options.ts. */
export function createDockerRuntime(options: DockerRuntimeOptions): WorkerRuntime {
  const docker = connectEngine(options.dockerHost)
  const ms = options.callTimeoutMs ?? DEFAULT_CALL_MS
  const container = (name: string) => docker.getContainer(containerName(options.instance, name))
  const call = <T>(what: string, promise: Promise<T>, within = ms) => bounded(what, within, promise)

  let tools: Promise<string> | null = null
  const caches = createCaches({ docker, instance: options.instance, image: options.workerImage, ms })

  /** Looked at for every start: the image may have been built anew, the volume thrown away. Starts at once share one look. */
  function toolsVolume(): Promise<string> {
    tools ??= makeTools().finally(() => {
      tools = null
    })
    return tools
  }

  async function makeTools(): Promise<string> {
    await ensureImage(options.workerImage)
    return ensureToolsVolume(docker, options.workerImage, ms)
  }

  async function ensureImage(image: string): Promise<void> {
    try {
      await call(`inspect ${image}`, docker.getImage(image).inspect())
    } catch (error) {
      if (!isGone(error)) throw startError(error, image)
      options.logger.info({ image }, 'the image is not on the engine: pulling it')
      await pull(docker, image, PULL_MS)
    }
  }

  async function state(name: string): Promise<WorkerState | null> {
    try {
      return workerState(await call(`inspect ${name}`, container(name).inspect()), options.instance)
    } catch (error) {
      if (isGone(error)) return null
      throw error
    }
  }

  /** A repository's own image brings its toolchain with it, and that has its own search path and variables. */
  async function envOf(image: string): Promise<ImageEnv> {
    // It becomes part of an address of the engine's API.
    if (!IMAGE.test(image)) throw new StartError('image_unusable', `"${image}" is not the name of an image`, { permanent: true })
    await ensureImage(image)
    return readImageEnv(await call(`inspect ${image}`, docker.getImage(image).inspect()))
  }

  /** Makes the container, or finds the one of that name. */
  async function createOrFind(spec: WorkerSpec, volume: string, image: ImageEnv): Promise<{ made: boolean; found: WorkerState }> {
    const deadline = Date.now() + NAME_TAKEN_MS
    for (;;) {
      const made = await create(spec, volume, image)
      const found = await state(spec.name)
      if (found) return { made, found }
      // The engine reserves a name before it shows the container, and frees it only after a removal.
      if (Date.now() > deadline) throw new StartError('start_failed', `the name ${containerName(options.instance, spec.name)} is taken by something that is no worker of ours`, { permanent: false })
      await new Promise<void>((resolve) => setTimeout(resolve, 20))
    }
  }

  /** true: made; false: the name is taken. */
  async function create(spec: WorkerSpec, volume: string, image: ImageEnv): Promise<boolean> {
    const make = () => call(`create ${spec.name}`, docker.createContainer(containerOptions(spec, options, volume, image)))
    try {
      await make()
      return true
    } catch (error) {
      if (refusal(error)?.status === 409) return false
      // 404 also speaks of volumes and networks; only an absent image is ours to fetch.
      if (!(isGone(error) && /image/i.test(refusal(error)?.message ?? ''))) throw error
      await ensureImage(spec.image ?? options.workerImage)
    }
    await make()
    return true
  }

  async function run(spec: WorkerSpec): Promise<WorkerState> {
    if (!NAME.test(spec.name)) throw new StartError('start_failed', `"${spec.name}" cannot be a worker's name`, { permanent: true })
    const volume = await toolsVolume()
    const image = spec.image === null ? NO_ENV : await envOf(spec.image)
    // Once the container is made, the engine itself keeps the cache from being removed.
    const { made, found } = await caches.use(spec.cache, () => createOrFind(spec, volume, image))
    if (found.status !== 'created') return found
    try {
      await call(`start ${spec.name}`, container(spec.name).start(), Math.max(ms, 60_000))
    } catch (error) {
      // 304: another one (a second call, a second orchestrator) started it between the look and the start.
      if (refusal(error)?.status !== 304) {
        // It never ran: leave nothing that looks like a worker. An adopted one may just have been started by another.
        if (made && refusal(error)) await call(`remove ${spec.name}`, container(spec.name).remove({ v: true })).catch(() => undefined)
        throw error
      }
    }
    const after = await state(spec.name)
    if (!after) throw new StartError('start_failed', `container of ${spec.name} was removed while it started`, { permanent: false })
    return after
  }

  async function list(): Promise<WorkerState[]> {
    const found = await call('list', docker.listContainers({ all: true, filters: { label: [`${LABELS.instance}=${options.instance}`, LABELS.name] } }))
    const states = await Promise.all(
      found.map(async ({ Id }) => {
        try {
          return workerState(await call(`inspect ${Id}`, docker.getContainer(Id).inspect()), options.instance)
        } catch (error) {
          // Removed between the list and the look.
          if (isGone(error)) return null
          throw error
        }
      }),
    )
    return states.filter((one) => one !== null)
  }

  /** For one that a stop left alive (frozen, and the engine did not thaw it). */
  async function kill(name: string): Promise<void> {
    await call(`kill ${name}`, container(name).kill()).catch((error: unknown) => {
      // It is not running, or gone.
      if (!isGone(error) && refusal(error)?.status !== 409) throw error
    })
    const deadline = Date.now() + KILL_MS
    while ((await state(name))?.status === 'running') {
      if (Date.now() > deadline) throw new Error(`worker ${name} is still running after it was killed`)
      await new Promise<void>((resolve) => setTimeout(resolve, 50))
    }
  }

  return {
    kind: 'docker',
    isolation: 'Each worker is a container without network, capabilities or a writable root, as an unprivileged user; the gateway socket is its only door.',
    async prepare() {
      try {
        await toolsVolume()
        await checkSocketDirectory(options)
      } catch (error) {
        throw startError(error, options.workerImage)
      }
    },
    async start(spec) {
      try {
        return await run(spec)
      } catch (error) {
        throw startError(error, spec.image ?? options.workerImage)
      }
    },
    list,
    async stop(name, { graceSeconds }) {
      const t = Math.max(0, Math.ceil(graceSeconds))
      try {
        // The init process dies with the worker, and the kernel ends all that is left in its pid namespace.
        await call(`stop ${name}`, container(name).stop({ t }), t * 1000 + Math.max(ms, 30_000))
      } catch (error) {
        const status = refusal(error)?.status
        if (status !== 304 && status !== 404) throw error
      }
      if ((await state(name))?.status === 'running') await kill(name)
    },
    async remove(name) {
      try {
        await call(`remove ${name}`, container(name).remove({ v: true }), Math.max(ms, 60_000))
      } catch (error) {
        const answer = refusal(error)
        if (answer?.status === 404 || (answer?.status === 409 && /already in progress/i.test(answer.message))) return
        throw error
      }
    },
    async tail(name, bytes) {
      if (bytes <= 0) return ''
      try {
        // A line has at least one byte, so this many lines hold the last `bytes`; the log itself is capped.
        const raw = await call(`logs of ${name}`, container(name).logs({ follow: false, stdout: true, stderr: true, tail: bytes }))
        return lastText(demux(raw), bytes)
      } catch (error) {
        if (isGone(error)) return ''
        throw error
      }
    },
    async readLog(name, from, maxBytes) {
      // Looked at before the log is read: the engine says "exited" when all output is written down.
      const before = await state(name)
      if (before === null) return null
      const logs = (tail: number | 'all') => call(`logs of ${name}`, container(name).logs({ follow: false, stdout: true, stderr: true, timestamps: true, ...(tail === 'all' ? {} : { tail }) }))
      try {
        return await readLogEntries(logs, { from, maxBytes, ended: before.status === 'exited' })
      } catch (error) {
        if (isGone(error)) return null
        throw error
      }
    },
    async sweep(needed) {
      const swept = await sweepEngine({ docker, instance: options.instance, image: options.workerImage, now: options.now ?? Date.now, call })
      return [...swept, ...(await caches.sweep(needed.caches))]
    },
    async ping() {
      await call('ping', docker.ping())
    },
    close: () => Promise.resolve(),
  }
}
