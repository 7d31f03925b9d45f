import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { FactoryError } from '@factory/shared'
import { responseHeaders, type Headers } from './headers.ts'

export type Forward = {
  url: URL
  method: string
  headers: Headers
  body: Readable | Buffer | null
  /** Name of the server, for messages. */
  name: string
  /** Given up when for so many milliseconds not a byte moved, neither way. Nothing: never. */
  silenceMs?: number
  /** Looks at an answer before it is passed on; throwing a FactoryError answers with that instead. */
  inspect?: (status: number, headers: IncomingHttpHeaders) => void
}

/**
 * Sends a request on and streams the answer back chunk by chunk. When the client goes away the
 * upstream request is aborted; when the upstream breaks off, so does the client's connection.
 * @throws FactoryError `unavailable` when nothing was answered yet
 */
export async function forward(res: ServerResponse, what: Forward): Promise<void> {
  const gone = new AbortController()
  const onClose = () => {
    if (!res.writableFinished) gone.abort()
  }
  res.once('close', onClose)
  const moved = watchSilence(what.silenceMs, () => gone.abort(new Error(`not a byte in ${what.silenceMs} ms`)))
  // A broken request body (too large, cut off) must fail the exchange, not the process.
  let bodyError: unknown = null
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const send = what.url.protocol === 'https:' ? httpsRequest : httpRequest
    const out = send(what.url, { method: what.method, headers: what.headers, signal: gone.signal }, resolve)
    out.once('error', (error) => reject(bodyError ?? error))
    if (what.body === null) out.end()
    else if (Buffer.isBuffer(what.body)) out.end(what.body)
    else {
      what.body.once('error', (error: unknown) => {
        bodyError = error
        reject(error)
        gone.abort()
      })
      what.body.on('data', moved)
      what.body.pipe(out)
    }
  }).catch((error: unknown) => {
    moved.end()
    if (error instanceof FactoryError) throw error
    throw new FactoryError('unavailable', `${what.name} does not answer`, [], { cause: error })
  })
  const status = answer.statusCode ?? 502
  try {
    what.inspect?.(status, answer.headers)
  } catch (error) {
    moved.end()
    answer.destroy()
    throw error
  }
  answer.on('data', moved)
  res.writeHead(status, responseHeaders(answer.headers))
  res.flushHeaders()
  try {
    await pipeline(answer, res)
  } catch {
    res.destroy()
  } finally {
    moved.end()
  }
}

/** Call it whenever something moved; `end` when it is over. */
function watchSilence(ms: number | undefined, onSilence: () => void): (() => void) & { end(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined
  const end = () => clearTimeout(timer)
  const moved = () => {
    end()
    if (ms !== undefined) timer = setTimeout(onSilence, ms)
  }
  moved()
  return Object.assign(moved, { end })
}
