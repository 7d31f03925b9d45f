import { FactoryError } from '@factory/shared'

/** The body as text. @throws FactoryError `too_large` as soon as it is known, without reading the rest. */
export async function readBody(request: Request, maxBytes: number): Promise<string> {
  const tooLarge = () => new FactoryError('too_large', `the body is larger than ${maxBytes} bytes`)
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge()
  if (!request.body) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body) {
    size += chunk.byteLength
    if (size > maxBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
