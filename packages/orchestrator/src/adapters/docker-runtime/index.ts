import { stat } from 'node:fs/promises'
import { StartError, type WorkerRuntime, type WorkerSpec, type WorkerState } from '../../ports/worker-runtime.ts'
import { cacheVolume, containerName, containerOptions } from './container-options.ts'
import { bounded, connectEngine, isGone, pull, refusal, startError } from './engine.ts'
import { demux, lastText } from '../worker-output.ts'
import { LABELS, type DockerRuntimeOptions } from './options.ts'
import { workerState } from './state.ts'
import { ensureCacheVolume, ensureToolsVolume } from './volumes.ts'

export type { DockerRuntimeOptions } from './options.ts'

/** Pulling an image is work, not silence. */
const PULL_MS = 600_000
const DEFAULT_CALL_MS = 20_000
const NAME_TAKEN_MS = 10_000

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
  const caches = new Map<string, Promise<void>>()

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

  function cache(repo: string): Promise<void> {
    const volume = cacheVolume(options.instance, repo)
    let made = caches.get(volume)
    if (!made) {
      made = ensureCacheVolume(docker, options.workerImage, volume, ms).catch((error: unknown) => {
        caches.delete(volume)
        throw error
      })
      caches.set(volume, made)
    }
    return made
  }

  async function state(name: string): Promise<WorkerState | null> {
    try {
      return workerState(await call(`inspect ${name}`, container(name).inspect()), options.instance)
    } catch (error) {
      if (isGone(error)) return null
      throw error
    }
  }

  /** Makes the container, or finds the one of that name. */
  async function createOrFind(spec: WorkerSpec, volume: string): Promise<{ made: boolean; found: WorkerState }> {
    const deadline = Date.now() + NAME_TAKEN_MS
    for (;;) {
      const made = await create(spec, volume)
      const found = await state(spec.name)
      if (found) return { made, found }
      // The engine reserves a name before it shows the container, and frees it only after a removal.
      if (Date.now() > deadline) throw new StartError('start_failed', `the name ${containerName(options.instance, spec.name)} is taken by something that is no worker of ours`, { permanent: false })
      await new Promise<void>((resolve) => setTimeout(resolve, 20))
    }
  }

  /** true: made; false: the name is taken. */
  async function create(spec: WorkerSpec, volume: string): Promise<boolean> {
    const make = () => call(`create ${spec.name}`, docker.createContainer(containerOptions(spec, options, volume)))
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
    await cache(spec.cache)
    const { made, found } = await createOrFind(spec, volume)
    if (found.status !== 'created') return found
    try {
      await call(`start ${spec.name}`, container(spec.name).start(), Math.max(ms, 60_000))
    } catch (error) {
      // It never ran: leave nothing that looks like a worker. An adopted one may just have been started by another.
      if (made && refusal(error)) await call(`remove ${spec.name}`, container(spec.name).remove({ v: true })).catch(() => undefined)
      throw error
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
      const after = await state(name)
      if (after?.status === 'running') throw new Error(`worker ${name} is still running after stop`)
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
    async ping() {
      await call('ping', docker.ping())
    },
    close: () => Promise.resolve(),
  }
}
