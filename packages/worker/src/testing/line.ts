import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger, type Assignment } from '@factory/shared'
import { z } from 'zod'
import { parseConfig } from '../config.ts'
import { createSwitch, type Switch } from '../halt.ts'
import { runWorker } from '../run.ts'
import type { WorkerOverrides } from '../work.ts'
import type { FakeStep } from './fake-ralph.ts'
import { assignmentFor, startStub, type Stub } from './stub.ts'

export const RUN_TOKEN = 'frt_7_0123456789abcdefghij'
const Called = z.object({ argv: z.array(z.string()), env: z.record(z.string(), z.string()), pid: z.number() })

export type Line = {
  dir: string
  /** Bare repositories: `<repos>/<owner>/<name>.git`. */
  repos: string
  workspace: string
  stub: Stub
  stop: Switch
  /** Log lines. */
  logs: string[]
  said: string[]
  /** What the next registration answers. */
  assign(change: Partial<Assignment>): void
  /** Gives Ralph its steps and runs the worker to its end. */
  run(steps: readonly FakeStep[], env?: Record<string, string>, overrides?: WorkerOverrides): Promise<number>
  /** How Ralph was called. */
  called(): Promise<z.infer<typeof Called>>
  end(): Promise<void>
}

/** A worker between a protocol stub, real git repositories and a scripted Ralph. */
export async function startLine(backend: (root: string) => (request: Request) => Promise<Response>): Promise<Line> {
  const dir = await mkdtemp(join(tmpdir(), 'line-'))
  const repos = join(dir, 'repos')
  await mkdir(repos)
  let assignment = assignmentFor()
  const stub = startStub(() => assignment, RUN_TOKEN, backend(repos))
  const stop = createSwitch()
  const logs: string[] = []
  const said: string[] = []
  const workspace = join(dir, 'workspace')
  return {
    dir,
    repos,
    workspace,
    stub,
    stop,
    logs,
    said,
    assign(change) {
      assignment = assignmentFor(change)
    },
    async run(steps, env = {}, overrides = {}) {
      await Bun.write(join(dir, 'steps.json'), JSON.stringify(steps))
      const config = parseConfig({
        PATH: process.env['PATH'],
        FACTORY_GATEWAY_URL: stub.url,
        FACTORY_RUN_ID: '7',
        FACTORY_RUN_TOKEN: RUN_TOKEN,
        FACTORY_WORKSPACE: workspace,
        TMPDIR: dir,
        HOME: dir,
        RALPH_COMMAND: `${process.execPath} ${join(import.meta.dir, 'fake-ralph.ts')} ${join(dir, 'steps.json')} ${join(dir, 'called.json')}`,
        ...env,
      })
      const logger = createLogger('worker', 'trace', { write: (text) => void logs.push(text) })
      return runWorker(config, { stop, logger, say: (text) => void said.push(text), retryMs: [10, 10], graceMs: 300, self: [process.execPath, join(import.meta.dir, '..', 'main.ts')], ...overrides })
    },
    called: async () => Called.parse(await Bun.file(join(dir, 'called.json')).json()),
    async end() {
      await stub.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
