import { createServer } from 'node:net'

/**
 * Where free ports are looked for: below those that systems give to outgoing connections (Linux 32768 and up, others
 * 49152 and up), one of which could take a port between this look and the listening, or while a service restarts.
 */
const FREE = { from: 20_000, count: 12_000 }
const TRIES = 100

/** `wanted` when it is not 0 and nobody listens on it, else some free port. Loopback only. @throws Error when none is found */
export async function freePort(wanted = 0): Promise<number> {
  if (wanted !== 0 && (await isFree(wanted))) return wanted
  for (let tries = 0; tries < TRIES; tries++) {
    const port = FREE.from + Math.floor(Math.random() * FREE.count)
    if (await isFree(port)) return port
  }
  throw new Error(`no free port was found between ${FREE.from} and ${FREE.from + FREE.count} on 127.0.0.1`)
}

/** Whether nobody listens on a port of this machine's loopback. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
