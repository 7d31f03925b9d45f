import { createHash } from 'node:crypto'
import { FLUSH, line, packet, readPackets } from './pkt-line.ts'

/** Move `ref` from `from` to `to`, if it stands there; null: it must not exist. */
export type RefSwap = { ref: string; from: string | null; to: string }

/** What a repository answered to a push. `words`: what its hooks and rules said to the pusher. */
export type PushReport = { ok: true } | { ok: false; reason: string; words: string }

/**
 * The request of a push that brings no objects: the repository has them already. The server compares and
 * moves the ref in one step under its lock (gitprotocol-pack, "Pushing Data To a Server").
 */
export function renderSwap({ ref, from, to }: RefSwap, capabilities: readonly string[]): Buffer<ArrayBuffer> {
  const wanted = ['report-status', 'side-band-64k', ...(to.length === 64 ? ['object-format=sha256'] : [])].filter((word) => capabilities.includes(word))
  const command = packet(`${from ?? '0'.repeat(to.length)} ${to} ${ref}\0 ${wanted.join(' ')} agent=software-factory`)
  return Buffer.concat([command, FLUSH, emptyPack(to.length === 64 ? 'sha256' : 'sha1')])
}

/** "PACK", version 2, no objects, and the checksum of that. */
function emptyPack(hash: 'sha1' | 'sha256'): Buffer {
  const head = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1')
  return Buffer.concat([head, createHash(hash).update(head).digest()])
}

/**
 * Reads what came back about one ref.
 * @throws SyntaxError when it is no report, or broke off: then nobody knows what was done
 */
export function readReport(body: Uint8Array, ref: string, sideBand: boolean): PushReport {
  const { report, words } = sideBand ? demultiplex(body) : { report: body, words: '' }
  const lines = readPackets(report).flatMap((content) => (content === null ? [] : [line(content)]))
  const unpack = lines.find((text) => text.startsWith('unpack '))
  const answer = lines.find((text) => text === `ok ${ref}` || text.startsWith(`ng ${ref} `))
  if (answer === `ok ${ref}`) return { ok: true }
  if (answer !== undefined) return { ok: false, reason: answer.slice(`ng ${ref} `.length), words }
  if (unpack !== undefined && unpack !== 'unpack ok') return { ok: false, reason: unpack, words }
  throw new SyntaxError(`the answer to the push says nothing of ${ref}`)
}

/** Band 1 is the report, band 2 is for people, band 3 ends it all (gitprotocol-pack, "side-band-64k"). */
function demultiplex(body: Uint8Array): { report: Buffer; words: string } {
  const bands: Record<number, Buffer[]> = { 1: [], 2: [], 3: [] }
  for (const content of readPackets(body)) if (content !== null) bands[content[0] ?? 0]?.push(content.subarray(1))
  const text = (band: number) => Buffer.concat(bands[band] ?? []).toString('utf8')
  const fatal = text(3).trim()
  if (fatal !== '') throw new SyntaxError(`the push broke off: ${fatal}`)
  return { report: Buffer.concat(bands[1] ?? []), words: text(2).trim() }
}
