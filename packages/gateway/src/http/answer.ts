import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { HTTP_STATUS, redactText, type FactoryError } from '@factory/shared'

export function answerJson(res: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  res.end(text)
}

function answerText(res: ServerResponse, status: number, text: string): void {
  const body = `${text}\n`
  // Git gives the credentials of a URL only to a server that asks for them.
  const ask = status === 401 ? { 'www-authenticate': 'Basic realm="factory"' } : {}
  res.writeHead(status, { ...ask, 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(body) })
  res.end(body)
}

/** `text`: for git, which prints a plain-text body to its user and nothing of a JSON one. */
export function answerError(res: ServerResponse, error: FactoryError, form: 'json' | 'text'): void {
  if (res.headersSent) {
    // The status is gone out already: a cut connection is the only sign of failure left.
    res.destroy()
    return
  }
  const status = HTTP_STATUS[error.code]
  const message = redactText(error.message)
  if (form === 'text') answerText(res, status, message)
  else answerJson(res, status, { error: { ...error.toBody().error, message } })
}

/** A refusal of CONNECT, written by hand: there is no response object for it. */
export function refuseTunnel(socket: Duplex, error: FactoryError): void {
  const status = error.code === 'unauthorized' ? 407 : HTTP_STATUS[error.code]
  const body = JSON.stringify({ error: { ...error.toBody().error, message: redactText(error.message) } })
  const ask = status === 407 ? 'Proxy-Authenticate: Basic realm="factory"\r\n' : ''
  socket.end(`HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${ask}Connection: close\r\n\r\n${body}`)
}
