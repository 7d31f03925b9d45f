import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { FactoryError } from '@factory/shared'
import { forward } from '../http/forward.ts'
import { judgePush, readCommands, renderRefusal, type PushHead } from './commands.ts'
import type { GitPass } from './route.ts'

/** After a refusal this much of the pack is read and thrown away, so that git gets to read the answer. */
const MAX_DRAIN = 256 * 1024 * 1024

/**
 * Forwards a push after its commands were read and found to be the run's own. Nothing reaches the
 * forge before that; the pack itself streams through and is never held.
 */
export async function receivePack(pass: GitPass, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const encoding = req.headers['content-encoding'] ?? 'identity'
  if (!['identity', 'gzip', 'x-gzip'].includes(encoding)) throw new FactoryError('bad_request', `a push in the encoding ${encoding.slice(0, 40)} is not understood`)
  const gzip = encoding !== 'identity'
  // What was read is what is sent: a gzip body goes on unpacked, so that no other reading of it exists.
  const headers = gzip ? without(pass.headers, ['content-encoding', 'content-length']) : pass.headers
  const source: Readable = gzip ? gunzip(req) : req
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>
  const { head, start } = await readHead(chunks)

  const refusals = judgePush(head, pass.grant.pushRef)
  if (refusals.length > 0) {
    await drain(chunks, req)
    if (!head.capabilities.some((word) => word === 'report-status' || word === 'report-status-v2')) {
      throw new FactoryError('forbidden', refusals.map(({ ref, reason }) => `${ref}: ${reason}`).join('\n'))
    }
    const body = renderRefusal(head, refusals)
    res.writeHead(200, { 'content-type': 'application/x-git-receive-pack-result', 'cache-control': 'no-cache', 'content-length': body.length })
    res.end(body)
    return
  }
  const body = Readable.from(rejoin(start, chunks), { objectMode: false, highWaterMark: 64 * 1024 })
  await forward(res, { ...pass, headers, method: 'POST', body, name: 'the forge' })
}

async function readHead(chunks: AsyncIterator<Buffer, undefined>): Promise<{ head: PushHead; start: Buffer }> {
  let start: Buffer = Buffer.alloc(0)
  while (true) {
    const next = await nextChunk(chunks)
    if (next === null) throw new FactoryError('bad_request', 'the push ends inside its list of refs')
    start = start.length === 0 ? next : Buffer.concat([start, next])
    const read = readCommands(start)
    if (!read.done) continue
    if ('problem' in read) throw new FactoryError('forbidden', read.problem)
    return { head: read.head, start }
  }
}

async function nextChunk(chunks: AsyncIterator<Buffer, undefined>): Promise<Buffer | null> {
  try {
    const { done, value } = await chunks.next()
    return done ? null : Buffer.from(value)
  } catch (error) {
    throw new FactoryError('bad_request', 'the push broke off or is not valid gzip', [], { cause: error })
  }
}

async function* rejoin(start: Buffer, chunks: AsyncIterator<Buffer, undefined>): AsyncGenerator<Buffer> {
  yield start
  for (let next = await nextChunk(chunks); next !== null; next = await nextChunk(chunks)) yield next
}

async function drain(chunks: AsyncIterator<Buffer, undefined>, req: IncomingMessage): Promise<void> {
  let seen = 0
  for (let next = await nextChunk(chunks).catch(() => null); next !== null; next = await nextChunk(chunks).catch(() => null)) {
    seen += next.length
    if (seen > MAX_DRAIN) {
      req.destroy()
      return
    }
  }
}

function gunzip(req: IncomingMessage): Readable {
  const unpacked = createGunzip()
  req.once('error', (error) => unpacked.destroy(error))
  return req.pipe(unpacked)
}

const without = <T>(headers: Record<string, T>, names: readonly string[]) => Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)))
