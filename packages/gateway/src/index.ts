import { rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { createLogger, type Logger } from '@factory/shared'
import { createClient, type Client } from '@factory/orchestrator/client'
import { createAuthorizer } from './auth.ts'
import type { GatewayConfig } from './config.ts'
import { createRefusals } from './egress/refusals.ts'
import { resolveByDns, tunnel, type Resolve } from './egress/tunnel.ts'
import type { GitCredential } from './git/route.ts'
import { gitCredentialFrom } from './git/credential.ts'
import { close, listenSocket, listenTcp, type Handlers } from './listen.ts'
import { createHandler } from './server.ts'

export { parseConfig, type GatewayConfig } from './config.ts'
export type { GitCredential } from './git/route.ts'

/** What a test may put in the place of the real thing. */
export type GatewayOverrides = { gitCredential?: GitCredential; client?: Client; resolve?: Resolve; logger?: Logger; now?: () => number }
export type Gateway = { url: string; socket: string | null; stop(): Promise<void> }

/** How long open exchanges may take to end after `stop`. */
const STOP_GRACE_MS = 5000

/** Starts the gateway. `stop` lets running exchanges end for five seconds, then cuts them. */
export async function start(config: GatewayConfig, overrides: GatewayOverrides = {}): Promise<Gateway> {
  const logger = overrides.logger ?? createLogger('gateway', config.logLevel)
  const now = overrides.now ?? Date.now
  const client = overrides.client ?? createClient({ baseUrl: config.orchestratorUrl, token: config.factoryToken, timeoutMs: 10_000 })
  const authorize = createAuthorizer(client, now)
  const credential = overrides.gitCredential ?? gitCredentialFrom(config, logger)
  const open = new Set<Duplex>()
  const refusals = createRefusals()
  const request = createHandler({
    git: { authorize, forgeUrl: config.githubUrl, credential },
    model: { authorize, baseUrl: config.modelUrl, credential: config.modelCredential, modelsAllow: config.modelsAllow },
    orchestratorUrl: config.orchestratorUrl,
    client,
    logger,
    now,
    authorize,
    refusals,
  })
  const tunnels = { authorize, rules: config.egressAllow, resolve: overrides.resolve ?? resolveByDns, logger, open, refusals }
  const handlers: Handlers = { request, connect: (req, socket, head) => void tunnel(tunnels, req, socket, head) }

  const tcp = await listenTcp(handlers, config.host, config.port)
  const servers: Server[] = [tcp.server]
  try {
    if (config.socket) servers.push(await listenSocket(handlers, config.socket))
  } catch (error) {
    await close(tcp.server)
    throw error
  }
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  const url = `http://${host}:${tcp.port}`
  logger.info({ url, socket: config.socket, egress: config.egressAllow.length }, 'gateway listens')
  return {
    url,
    socket: config.socket,
    async stop() {
      const closing = Promise.all(servers.map(close))
      for (const socket of open) socket.destroy()
      const timer = setTimeout(() => servers.forEach((server) => server.closeAllConnections()), STOP_GRACE_MS)
      await closing
      clearTimeout(timer)
      if (config.socket) await rm(config.socket, { force: true })
      logger.info('gateway stopped')
    },
  }
}
