import type { Logger } from '@factory/shared'

export type DockerRuntimeOptions = {
  /** Tells this factory's workers from those of another one on the same engine. */
  instance: string
  /** The factory's own worker image; also where every worker's tools come from. */
  workerImage: string
  /** What holds the gateway's socket: a host directory (starts with `/`) or a named volume (orchestrator in a container). */
  workerSocketSource: string
  /** A bundle of certificate authorities on the host that workers shall trust instead of their image's. */
  workerCaFile?: string
  logger: Logger
  /** `unix:///path` or `tcp://host:port`; without it the usual socket. */
  dockerHost?: string
  /** What a worker executes. Tests run something small. */
  command?: readonly string[]
  /** Milliseconds; what is older than ten minutes by it was left over. */
  now?: () => number
  /** An engine that says nothing for this long counts as away. */
  callTimeoutMs?: number
}

/** Inside every worker, whatever its image. */
export const PATHS = {
  tools: '/opt/factory',
  workspace: '/workspace',
  cache: '/cache',
  home: '/home/worker',
  socketDir: '/run/factory',
  ca: '/etc/factory-ca.pem',
} as const

/** Uid and gid of `worker` in docker/worker.Dockerfile. */
export const WORKER_UID = 10001

/**
 * Everything we make on an engine says whose it is and what for. Only the tools belong to an image and
 * not to an instance: every factory on the engine that uses the image shares them.
 */
export const LABELS = { instance: 'factory.instance', name: 'factory.worker', run: 'factory.run', item: 'factory.item', cache: 'factory.cache', helper: 'factory.helper', tools: 'factory.tools', image: 'factory.image-id' } as const
