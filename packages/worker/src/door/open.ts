import { connect, createServer, type Socket } from 'node:net'

export type Door = { url: string; close(): void }

/**
 * An HTTP address of the gateway. For `unix:/path` a forwarder on loopback is opened, because git,
 * the CLI and package managers speak HTTP over TCP only. It carries bytes and knows nothing of them;
 * each connection opens the socket anew, so a restarted gateway is found again.
 */
export async function openDoor(gatewayUrl: string): Promise<Door> {
  if (!gatewayUrl.startsWith('unix:')) return { url: gatewayUrl, close: () => undefined }
  const path = gatewayUrl.slice('unix:'.length)
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const gateway = connect({ path, allowHalfOpen: true })
    for (const [socket, other] of [[client, gateway], [gateway, client]] as const) {
      open.add(socket)
      // An error is always followed by close; without a listener it would end the process.
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        open.delete(socket)
        if (socket.errored) other.destroy()
        else other.end()
      })
    }
    client.pipe(gateway)
    gateway.pipe(client)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    close() {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}
