import { lookup } from 'node:dns/promises'
import type { IncomingMessage } from 'node:http'
import { connect, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { FactoryError, type Logger } from '@factory/shared'
import type { Authorize } from '../auth.ts'
import { proxyToken } from '../auth.ts'
import { refuseTunnel } from '../http/answer.ts'
import type { Refusals } from './refusals.ts'
import { isAllowed, isReachable, parseTarget, type AllowRule } from './allow.ts'

/** All addresses of a name, in the order in which they are to be tried. */
export type Resolve = (host: string) => Promise<string[]>
export const resolveByDns: Resolve = async (host) => (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address)

const CONNECT_TIMEOUT_MS = 15_000

export type TunnelDeps = { authorize: Authorize; rules: readonly AllowRule[]; resolve: Resolve; logger: Logger; open: Set<Duplex>; refusals: Refusals }

/** Answers one CONNECT: a tunnel to an allow-listed host, or a refusal in the shared error shape. */
export async function tunnel(deps: TunnelDeps, req: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
  // Without a listener a client that resets would end the process.
  client.on('error', () => client.destroy())
  deps.open.add(client)
  client.once('close', () => deps.open.delete(client))
  const target = parseTarget(req.url ?? '')
  try {
    const grant = await deps.authorize(proxyToken(req.headers))
    if (!target) throw new FactoryError('bad_request', 'CONNECT needs host:port')
    const { host, port } = target
    if (!isAllowed(deps.rules, host, port)) {
      deps.refusals.note(grant.runId, `${host}:${port}`)
      throw new FactoryError('forbidden', `${host}:${port} is not in this factory's EGRESS_ALLOW`)
    }
    const address = await reachable(deps, grant.runId, host, port)
    const server = await open(address, port)
    deps.logger.info({ run: grant.runId, host, port }, 'tunnel opened')
    join(client, server, head, deps.open)
  } catch (error) {
    const refusal = error instanceof FactoryError ? error : new FactoryError('internal', 'the gateway failed')
    deps.logger.warn({ host: target?.host, port: target?.port, code: refusal.code, reason: refusal.message }, 'tunnel refused')
    refuseTunnel(client, refusal)
  }
}

/** The address is chosen once and connected to as such, so that a second resolution cannot differ. */
async function reachable(deps: TunnelDeps, runId: number, host: string, port: number): Promise<string> {
  const addresses = isIP(host) ? [host] : await deps.resolve(host).catch(() => [])
  if (addresses.length === 0) throw new FactoryError('unavailable', `${host} does not resolve`)
  const good = addresses.find((address) => isReachable(deps.rules, address, port))
  if (!good) {
    deps.refusals.note(runId, `${host}:${port} at its private address ${addresses[0] ?? ''}`)
    throw new FactoryError('forbidden', `${host} resolves to a private address; list the address itself in EGRESS_ALLOW to allow that`)
  }
  return good
}

function open(address: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port })
    const fail = (why: string) => {
      socket.destroy()
      reject(new FactoryError('unavailable', `${address}:${port} does not answer: ${why}`))
    }
    const timer = setTimeout(() => fail('timeout'), CONNECT_TIMEOUT_MS)
    socket.once('connect', () => {
      clearTimeout(timer)
      resolve(socket)
    })
    socket.once('error', (error) => {
      clearTimeout(timer)
      fail(error.message)
    })
  })
}

function join(client: Duplex, server: Socket, head: Buffer, open: Set<Duplex>): void {
  open.add(server)
  server.on('error', () => client.destroy())
  server.once('close', () => {
    open.delete(server)
    client.destroy()
  })
  client.once('close', () => server.destroy())
  client.write('HTTP/1.1 200 Connection established\r\n\r\n')
  if (head.length > 0) server.write(head)
  server.pipe(client)
  client.pipe(server)
}
