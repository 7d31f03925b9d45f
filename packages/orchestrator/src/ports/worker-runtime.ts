/** What the scheduler wants started. Everything a worker gets to know is in here. */
export type WorkerSpec = {
  /** Unique over the factory's life: made from item and fencing token. */
  name: string
  runId: number
  itemId: number
  repo: string
  /**
   * Workers with the same name here share a directory that outlives them (what setup installed). The
   * clean room has its own: an agent that may write where it reads could make its checks pass.
   */
  cache: string
  /** null: the factory's own worker image. The process runtime has no images and ignores it. */
  image: string | null
  /** Bearer token of this run; the runtime hands it to the worker and keeps it nowhere else. */
  runToken: string
  limits: { memoryMb: number; cpus: number; pids: number }
}

export type WorkerState = {
  name: string
  runId: number
  status: 'created' | 'running' | 'exited'
  exitCode: number | null
  /** The kernel ended it for want of memory. */
  outOfMemory: boolean
}

/** One reading of a worker's output: `text` is what follows the position asked from, `position` where the next reading goes on. */
export type LogPiece = { text: string; position: string }

/** What the factory still needs; everything else of this instance may go. */
export type Needed = {
  /** Names of the workers whose runs are live or not cleaned up after. */
  workers: readonly string[]
  /** Caches that a run may ask for, as {@link WorkerSpec.cache} names them. */
  caches: readonly string[]
}

/** Why a worker could not be started. `permanent` means that trying again cannot help. */
export class StartError extends Error {
  readonly code: 'image_unusable' | 'start_failed' | 'engine_unavailable'
  readonly permanent: boolean
  constructor(code: StartError['code'], message: string, options: { permanent: boolean; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.name = 'StartError'
    this.code = code
    this.permanent = options.permanent
  }
}

/**
 * Carries workers. One contract suite (`worker-runtime.contract.ts`) runs against every adapter.
 *
 * An implementation MUST:
 * - make `start` idempotent by name: a worker of that name that exists is adopted, not doubled;
 * - mark all it creates as ours, so that `list` after a restart of this process finds every worker,
 *   living or exited, that was not removed, and nothing that is not ours (another factory on the same
 *   engine has another `instance`);
 * - keep the exit code of an exited worker until `remove`;
 * - end the worker with everything it started when `stop` returns, frozen (paused, SIGSTOP) or not: no
 *   process of it is alive then;
 * - take an unknown name in `stop` and `remove` as already done;
 * - give each worker an environment made of nothing but what the worker needs;
 * - throw `StartError('engine_unavailable')` from `start`, and any error from `list`, when the engine
 *   does not answer: silence of the engine must never look like "no workers".
 */
export interface WorkerRuntime {
  readonly kind: 'docker' | 'process'
  /** One sentence for people: what isolates a worker here. */
  readonly isolation: string
  /** Builds or fetches what `start` needs beforehand, so that the first start is not slow. */
  prepare(): Promise<void>
  start(spec: WorkerSpec): Promise<WorkerState>
  list(): Promise<WorkerState[]>
  /** SIGTERM, then SIGKILL after `graceSeconds`; returns when it is dead. */
  stop(name: string, options: { graceSeconds: number }): Promise<void>
  /** Removes every trace (container, directory). The worker must have ended. */
  remove(name: string): Promise<void>
  /** The last `bytes` of what the worker wrote on stderr and stdout; '' for an unknown name. */
  tail(name: string, bytes: number): Promise<string>
  /**
   * What the worker wrote on stdout and stderr behind `from` (null: from its beginning), at most
   * `maxBytes` (but at least one character), in the order it came. Readings that go on at each other's
   * `position` give the whole output exactly once, whoever does them: another adapter after a restart,
   * during the worker's life or after its end. A piece ends at the end of a line unless the line is
   * longer than `maxBytes` or the worker has ended; a line that is still being written waits.
   * `text` is '' when there is nothing (yet). Where the engine threw output away before it was read, a
   * line in brackets says so. null: no such worker.
   */
  readLog(name: string, from: string | null, maxBytes: number): Promise<LogPiece | null>
  /**
   * Removes what this instance made and no run needs: halves of a start that was interrupted, helpers
   * older than ten minutes, caches that are not in `needed`, tools of images that are gone. Never
   * anything of another instance, nor what a worker (known, or just being started) uses. Interrupted
   * anywhere, it is repeated. Workers themselves are not its business: those go by `stop` and `remove`.
   * @returns names of what was removed
   */
  sweep(needed: Needed): Promise<string[]>
  /** Resolves when the engine answers. */
  ping(): Promise<void>
  close(): Promise<void>
}
