import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '@factory/shared'
import { parseConfig, start, type Gateway, type GatewayOverrides } from '../index.ts'
import { gitBackend } from './git-backend.ts'
import { FACTORY_TOKEN, grantFor, startStubOrchestrator, type StubOrchestrator } from './stub-orchestrator.ts'

export const RUN_TOKEN = 'frt_7_0123456789abcdefghij'
export const MODEL_KEY = 'sk-ant-test-0123456789abcdef'
export const GITHUB_TOKEN = 'ghp_0123456789abcdefghij0123456789abcdef'
const FORGE_AUTH = `Basic ${btoa(`x-access-token:${GITHUB_TOKEN}`)}`

export type Bench = {
  dir: string
  /** Bare repositories live below it. */
  repos: string
  gateway: Gateway
  orchestrator: StubOrchestrator
  /** Log lines of the gateway. */
  logs: string[]
  /** "METHOD path" of what reached the forge. */
  forgeCalls: string[]
  stop(): Promise<void>
}

/** A gateway between a stub orchestrator and real git repositories that want the factory's token. */
export async function startBench(env: Record<string, string> = {}, overrides: GatewayOverrides = {}): Promise<Bench> {
  const dir = await mkdtemp(join(tmpdir(), 'gateway-'))
  const repos = join(dir, 'repos')
  const orchestrator = startStubOrchestrator()
  orchestrator.grants.set(RUN_TOKEN, grantFor())
  const backend = gitBackend(repos, FORGE_AUTH)
  const forgeCalls: string[] = []
  const forge = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      forgeCalls.push(`${request.method} ${new URL(request.url).pathname}`)
      return backend(request)
    },
  })
  const logs: string[] = []
  const logger = createLogger('gateway', 'trace', { write: (line) => void logs.push(line) })
  const config = parseConfig({
    GATEWAY_PORT: '0',
    ORCHESTRATOR_URL: orchestrator.url,
    FACTORY_TOKEN,
    ANTHROPIC_API_KEY: MODEL_KEY,
    GITHUB_URL: forge.url.origin,
    GITHUB_TOKEN,
    ...env,
  })
  const gateway = await start(config, { logger, ...overrides })
  return {
    dir,
    repos,
    gateway,
    orchestrator,
    logs,
    forgeCalls,
    async stop() {
      await gateway.stop()
      await Promise.all([orchestrator.stop(), forge.stop(true)])
      await rm(dir, { recursive: true, force: true })
    },
  }
}
