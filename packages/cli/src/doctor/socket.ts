import { CHECK_MS } from './examined.ts'

export type Dial = { host: string; port: number; tls: boolean }

/**
 * Connects, sends, and gives back what came until `enough` says so.
 * @throws Error when nothing answers in time
 */
export function exchange(dial: Dial, send: Uint8Array | string, enough: (answer: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    let over = (): void => {}
    const timer = setTimeout(() => finish(() => reject(new Error(`no answer within ${CHECK_MS / 1000} s`))), CHECK_MS)
    const finish = (then: () => void) => {
      clearTimeout(timer)
      over()
      then()
    }
    Bun.connect({
      hostname: dial.host,
      port: dial.port,
      tls: dial.tls,
      socket: {
        open: (socket) => {
          over = () => socket.end()
          socket.write(send)
        },
        data: (_socket, bytes) => {
          answer += bytes.toString('latin1')
          if (enough(answer)) finish(() => resolve(answer))
        },
        close: () => finish(() => (answer ? resolve(answer) : reject(new Error('the connection was closed without an answer')))),
        error: (_socket, error) => finish(() => reject(error)),
      },
    }).catch((error: unknown) => finish(() => reject(error instanceof Error ? error : new Error(String(error)))))
  })
}
