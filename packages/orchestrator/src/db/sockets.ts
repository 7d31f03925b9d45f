import { connect, type Socket } from 'node:net'

/** What the driver says about where to connect to: lists of hosts and ports, or a Unix socket's path. */
type Target = { host: string[]; port: number[]; path: string | false }

export type Sockets = {
  /** For the driver's option `socket`. */
  open(target: Target): Socket
  /** Ends every connection with an error, at once and without asking the other side. */
  cut(why: string): void
}

/**
 * The sockets of one pool, so that they can be ended when the server hangs: the driver waits for an answer for
 * ever, and a server that is frozen, or behind a network that drops everything, neither answers nor closes.
 *
 * `silentMs`: a connection on which nothing moved for so long is ended; an idle one is opened anew when it is
 * needed. Longer than any statement may take. 0: never.
 */
export function createSockets(silentMs: number): Sockets {
  const live = new Set<Socket>()
  return {
    open(target) {
      const [host = 'localhost', port = 5432] = [target.host[0], target.port[0]]
      const socket = target.path === false ? connect(port, host) : connect(target.path)
      live.add(socket)
      socket.once('close', () => live.delete(socket))
      if (silentMs > 0) socket.setTimeout(silentMs, () => socket.destroy(away(`it said nothing for ${silentMs / 1000} seconds`)))
      // the driver checks a certificate against this name
      return target.path === false ? Object.assign(socket, { host, port }) : socket
    },
    cut(why) {
      for (const socket of live) socket.destroy(away(why))
    },
  }
}

/** The code is one of those that mean "no server there": `db/away.ts`. */
const away = (why: string): Error => Object.assign(new Error(`the database does not answer: ${why}`), { code: 'ETIMEDOUT' })
