import { createServer } from 'node:net'

/** `wanted` when nobody listens on it, else a free port of the machine's choice. Loopback only. */
export async function freePort(wanted: number): Promise<number> {
  const taken = await listenOnce(wanted).catch(() => null)
  return taken ?? listenOnce(0)
}

/** Whether nobody listens on a port of this machine's loopback. */
export function isFree(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    () => false,
  )
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      const found = typeof address === 'object' && address ? address.port : port
      server.close(() => resolve(found))
    })
  })
}
