import { createServer, type Socket } from 'node:net'
import type { BeforeEdit } from '../agents/agent.ts'

/** A path and the JSON around it; what is longer is no question. */
const LONGEST_QUESTION = 65_536

/**
 * Answers the hook program on a unix socket: a line `{"path": "/absolute"}` in, a line `{"deny": null}` or
 * `{"deny": "why not"}` out. What is no question gets no answer, which the hook takes for a no.
 */
export async function listen(file: string, beforeEdit: BeforeEdit): Promise<{ close(): void }> {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    // An error is always followed by close; without a listener it would end Ralph.
    socket.on('error', () => undefined)
    socket.on('close', () => open.delete(socket))
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end === -1 && text.length < LONGEST_QUESTION) return
      socket.removeAllListeners('data')
      const path = end === -1 ? null : pathOf(text.slice(0, end))
      if (path === null) return void socket.destroy()
      void beforeEdit(path).then((deny) => socket.end(`${JSON.stringify({ deny })}\n`))
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(file, resolve)
  })
  server.on('error', () => undefined)
  return {
    close() {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}

function pathOf(line: string): string | null {
  try {
    const question: unknown = JSON.parse(line)
    if (typeof question !== 'object' || question === null || !('path' in question)) return null
    return typeof question.path === 'string' && question.path.startsWith('/') ? question.path : null
  } catch {
    return null
  }
}
