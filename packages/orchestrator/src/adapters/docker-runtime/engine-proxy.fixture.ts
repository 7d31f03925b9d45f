import { rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * A socket in front of the real engine that does what an engine does which is started anew:
 * `pass`; `refuse`: nobody listens; `hang`: takes calls and says nothing; `cut`: cuts each answer off after
 * so many bytes.
 */
export type EngineProxy = { path: string; set(mode: 'pass' | 'refuse' | 'hang' | { cutAfter: number }): Promise<void>; close(): Promise<void> }

export async function engineProxy(path: string, engine: string): Promise<EngineProxy> {
  let mode: 'pass' | 'hang' | { cutAfter: number } = 'pass'
  let server: Server | null = null
  const open = new Set<Socket>()

  function serve(client: Socket): void {
    open.add(client)
    client.on('close', () => open.delete(client))
    client.on('error', () => client.destroy())
    if (mode === 'hang') return
    const left = mode === 'pass' ? Infinity : mode.cutAfter
    const upstream = connect(engine)
    upstream.on('error', () => client.destroy())
    client.on('close', () => upstream.destroy())
    client.pipe(upstream)
    let sent = 0
    upstream.on('data', (piece: Buffer) => {
      const part = piece.subarray(0, left - sent)
      sent += part.length
      client.write(part, () => {
        if (sent >= left) client.destroy()
      })
    })
    upstream.on('end', () => client.end())
  }

  const listen = async () => {
    if (server) return
    rmSync(path, { force: true })
    server = createServer(serve)
    await new Promise<void>((resolve) => server?.listen(path, resolve))
  }
  const shut = async () => {
    const closing = server
    server = null
    for (const socket of open) socket.destroy()
    if (closing) await new Promise<void>((resolve) => closing.close(() => resolve()))
    rmSync(path, { force: true })
  }

  await listen()
  return {
    path,
    async set(wanted) {
      if (wanted === 'refuse') return shut()
      mode = wanted
      for (const socket of open) socket.destroy()
      return listen()
    },
    close: shut,
  }
}
