import { chmod, lstat, mkdir, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { dirname } from 'node:path'
import type { Duplex } from 'node:stream'
import { ConfigError } from '@factory/shared'

export type Handlers = {
  request: (req: IncomingMessage, res: ServerResponse) => void
  connect: (req: IncomingMessage, socket: Duplex, head: Buffer) => void
}

/**
 * node:http rather than Bun.serve: it hands CONNECT over as a raw socket, on TCP and on a unix
 * socket, and it streams both ways.
 */
function serverFor(handlers: Handlers): Server {
  const server = createServer(handlers.request)
  server.on('connect', handlers.connect)
  // A model answer or a large push takes as long as it takes.
  server.requestTimeout = 0
  server.timeout = 0
  return server
}

/** @throws ConfigError when the address is taken or not ours */
export function listenTcp(handlers: Handlers, host: string, port: number): Promise<{ server: Server; port: number }> {
  const server = serverFor(handlers)
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new ConfigError([`GATEWAY_PORT is ${port} on ${host}: ${error.message}. Set it to a free port.`])))
    server.listen(port, host, () => {
      const address = server.address()
      resolve({ server, port: typeof address === 'object' && address ? address.port : port })
    })
  })
}

/** Open to every user: the socket's reach is its directory's mount, and every request needs a run's token. */
export async function listenSocket(handlers: Handlers, path: string): Promise<Server> {
  await removeStale(path)
  await mkdir(dirname(path), { recursive: true })
  const server = serverFor(handlers)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new ConfigError([`GATEWAY_SOCKET is ${path}: ${error.message}. Set it to a path in a directory that the gateway may write.`])))
    server.listen(path, () => resolve())
  })
  await chmod(path, 0o666)
  return server
}

/** A killed gateway leaves its socket behind, and the next one could not listen there. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null)
  if (!found) return
  if (!found.isSocket()) throw new ConfigError([`GATEWAY_SOCKET is ${path}, where a file stands that is no socket. Set it to another path, or remove the file.`])
  await rm(path)
}

export function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
}
