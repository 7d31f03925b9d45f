import { createHash } from 'node:crypto'
import type { ContainerCreateOptions } from 'dockerode'
import type { WorkerSpec } from '../../ports/worker-runtime.ts'
import type { ImageEnv } from './image-env.ts'
import { LABELS, PATHS, WORKER_UID, type DockerRuntimeOptions } from './options.ts'

const MEBIBYTE = 1024 * 1024
const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const WORKER_USER = `${WORKER_UID}:${WORKER_UID}`

/** Item and token make `spec.name` unique in one factory only. */
export const containerName = (instance: string, name: string) => `factory-${instance}-${name}`

/** Volume names take few characters, repository names may be long. */
export const cacheVolume = (instance: string, cache: string) => `${cachePrefix(instance)}${createHash('sha256').update(cache.toLowerCase()).digest('hex').slice(0, 16)}`
export const cachePrefix = (instance: string) => `factory-cache-${instance}-`
/** By its name, which is ours to the letter: another instance's may begin like ours, and older volumes have no labels. */
export const isCacheVolume = (instance: string, name: string) => name.startsWith(cachePrefix(instance)) && /^[0-9a-f]{16}$/.test(name.slice(cachePrefix(instance).length))

export const cacheLabels = (instance: string, cache: string): Record<string, string> => ({ [LABELS.instance]: instance, [LABELS.cache]: cache.toLowerCase() })

/** The whole environment of a worker: what is not here it does not get. */
export function workerEnv(spec: WorkerSpec, options: DockerRuntimeOptions, image: ImageEnv): Record<string, string> {
  return {
    FACTORY_GATEWAY_URL: `unix:${PATHS.socketDir}/gateway.sock`,
    FACTORY_RUN_ID: String(spec.runId),
    FACTORY_RUN_TOKEN: spec.runToken,
    FACTORY_WORKSPACE: PATHS.workspace,
    FACTORY_CACHE_DIR: PATHS.cache,
    CLAUDE_BIN: `${PATHS.tools}/bin/claude`,
    RALPH_COMMAND: `${PATHS.tools}/bin/ralph`,
    HOME: PATHS.home,
    PATH: `${PATHS.tools}/bin:${image.path ?? USUAL_PATH}`,
    // The engine sets the image's variables by itself; the worker is told which of them its commands may see.
    ...(image.names.length > 0 ? { FACTORY_IMAGE_ENV: image.names.join(',') } : {}),
    LANG: 'C.UTF-8',
    ...(options.workerCaFile ? { NODE_EXTRA_CA_CERTS: PATHS.ca, SSL_CERT_FILE: PATHS.ca, GIT_SSL_CAINFO: PATHS.ca } : {}),
  }
}

/**
 * NoCopy: the engine would hand what an image has at that place, and its owner, to the volume. A
 * repository's image could so close the gateway's socket to everybody.
 */
const volume = (source: string, target: string, readOnly: boolean, labels: Record<string, string> = {}) => ({
  Type: 'volume' as const,
  Source: source,
  Target: target,
  ReadOnly: readOnly,
  VolumeOptions: { NoCopy: true, Labels: labels, DriverConfig: { Name: 'local', Options: {} } },
})

/**
 * The container of one worker. It has no network stack at all: the gateway's socket is its one door.
 * Everything writable is in memory or in the repository's cache volume.
 */
export function containerOptions(spec: WorkerSpec, options: DockerRuntimeOptions, toolsVolume: string, image: ImageEnv): ContainerCreateOptions {
  const socket = options.workerSocketSource
  return {
    name: containerName(options.instance, spec.name),
    Image: spec.image ?? options.workerImage,
    Entrypoint: [...(options.command ?? [`${PATHS.tools}/bin/worker`])],
    // An image's own CMD would become arguments of our entry point.
    Cmd: [],
    Env: Object.entries(workerEnv(spec, options, image)).map(([key, value]) => `${key}=${value}`),
    WorkingDir: PATHS.workspace,
    User: WORKER_USER,
    Labels: { [LABELS.instance]: options.instance, [LABELS.name]: spec.name, [LABELS.run]: String(spec.runId), [LABELS.item]: String(spec.itemId) },
    // A foreign image's health check would run its own programs in our worker.
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: 'none',
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      Init: true,
      Memory: spec.limits.memoryMb * MEBIBYTE,
      // The same figure again: no swap on top.
      MemorySwap: spec.limits.memoryMb * MEBIBYTE,
      NanoCpus: Math.round(spec.limits.cpus * 1e9),
      PidsLimit: spec.limits.pids,
      // When the host itself runs out of memory, workers go before services.
      OomScoreAdj: 500,
      RestartPolicy: { Name: 'no' },
      // Capped, or one chatty worker fills the host's disk.
      LogConfig: { Type: 'json-file', Config: { 'max-size': '5m', 'max-file': '2' } },
      Tmpfs: {
        '/tmp': 'exec,mode=1777',
        [PATHS.workspace]: `exec,uid=${WORKER_UID},gid=${WORKER_UID},mode=0755`,
        [PATHS.home]: `exec,uid=${WORKER_UID},gid=${WORKER_UID},mode=0700`,
      },
      Mounts: [
        volume(toolsVolume, PATHS.tools, true),
        volume(cacheVolume(options.instance, spec.cache), PATHS.cache, false, cacheLabels(options.instance, spec.cache)),
        socket.startsWith('/') ? { Type: 'bind', Source: socket, Target: PATHS.socketDir, ReadOnly: true } : volume(socket, PATHS.socketDir, true),
        ...(options.workerCaFile ? [{ Type: 'bind' as const, Source: options.workerCaFile, Target: PATHS.ca, ReadOnly: true }] : []),
      ],
    },
  }
}
