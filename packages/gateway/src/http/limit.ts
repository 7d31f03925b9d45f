import type { IncomingMessage } from 'node:http'
import { Transform, type Readable } from 'node:stream'
import { FactoryError } from '@factory/shared'

const tooLarge = (max: number) => new FactoryError('too_large', `the request is larger than ${max} bytes`)

/** @throws FactoryError `too_large` when the request says so itself */
function checkLength(req: IncomingMessage, max: number): void {
  if (Number(req.headers['content-length'] ?? 0) > max) throw tooLarge(max)
}

/** The body as a stream that fails with `too_large` once more than `max` bytes came. */
export function limited(req: IncomingMessage, max: number): Readable {
  checkLength(req, max)
  let seen = 0
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length
      if (seen > max) done(tooLarge(max))
      else done(null, chunk)
    },
  })
  req.once('error', (error) => count.destroy(error))
  return req.pipe(count)
}

/** The whole body. */
export async function readAll(req: IncomingMessage, max: number): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of limited(req, max)) parts.push(Buffer.from(part))
  return Buffer.concat(parts)
}

/** Methods without a body have none even when a client says so. */
export const hasBody = (req: IncomingMessage) => req.method !== 'GET' && req.method !== 'HEAD'
