import { createGithub, type Github } from '@factory/github'
import { createClient, type Client } from '@factory/orchestrator/client'
import { createLogger, type Logger } from '@factory/shared'
import type { Config } from './config.ts'
import { createReader, type Reader } from './github/read.ts'
import { createWriter, type Writer } from './github/write.ts'
import { labelNames, type LabelNames } from './labels.ts'
import { createMutex } from './mutex.ts'
import type { Reconciled } from './reconcile.ts'
import { createBoard, type Board } from './status.ts'

/** Everything built once, from the configuration. */
export type Context = {
  config: Config
  labels: LabelNames
  logger: Logger
  client: Client
  github: Github
  read: Reader
  write: Writer
  /** Serialises what is done about one issue (key: its source id). */
  exclusive: <T>(key: string, work: () => Promise<T>) => Promise<T>
  /** Looks at issues that wait for their turn, by source id. */
  waiting: Map<string, Promise<Reconciled>>
  /** Repositories of `REPOS`: any spelling in lower case → the name as GitHub spells it. */
  watched: Map<string, string>
  /** What `GET /status` shows. */
  board: Board
  now: () => Date
  /** Least time between two updates of one issue's comment, milliseconds. */
  coalesceMs: number
  /** First pause after a failed report or a broken event stream; doubles up to 15 minutes and 30 seconds. */
  retryMs: number
}

export type Overrides = Partial<Pick<Context, 'logger' | 'client' | 'github' | 'now' | 'coalesceMs' | 'retryMs'>>

export function fromConfig(config: Config, overrides: Overrides = {}): Context {
  const logger = overrides.logger ?? createLogger('intake', config.LOG_LEVEL)
  const github =
    overrides.github ??
    createGithub({
      token: config.GITHUB_TOKEN,
      ...(config.GITHUB_APP_ID && config.GITHUB_APP_PRIVATE_KEY ? { app: { id: config.GITHUB_APP_ID, privateKey: config.GITHUB_APP_PRIVATE_KEY } } : {}),
      apiUrl: config.GITHUB_API_URL,
      webUrl: config.GITHUB_URL,
      logger,
    })
  return {
    config,
    labels: labelNames(config.INTAKE_LABEL),
    logger,
    client: overrides.client ?? createClient({ baseUrl: config.ORCHESTRATOR_URL, token: config.FACTORY_TOKEN }),
    github,
    read: createReader(github),
    write: createWriter(github),
    exclusive: createMutex(),
    waiting: new Map(),
    watched: new Map(config.REPOS.map((repo) => [repo.toLowerCase(), repo])),
    board: createBoard(),
    now: overrides.now ?? (() => new Date()),
    coalesceMs: overrides.coalesceMs ?? 2000,
    retryMs: overrides.retryMs ?? 1000,
  }
}
