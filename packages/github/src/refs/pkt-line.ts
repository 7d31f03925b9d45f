/** Ends a list of packets (gitprotocol-common, "pkt-line Format"). */
export const FLUSH = Buffer.from('0000')

/** The longest a packet may be, with its four digits. */
const MAX_PACKET = 65_520

/** One packet: four hexadecimal digits for its whole length, and its bytes. */
export function packet(content: string): Buffer {
  const body = Buffer.from(content)
  if (body.length + 4 > MAX_PACKET) throw new RangeError(`a packet of ${body.length} bytes is too long`)
  return Buffer.concat([Buffer.from((body.length + 4).toString(16).padStart(4, '0')), body])
}

/**
 * The packets in some bytes, null for each flush.
 * @throws SyntaxError when the bytes are not packets, or end inside one
 */
export function readPackets(bytes: Uint8Array): (Buffer | null)[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const packets: (Buffer | null)[] = []
  for (let at = 0; at < buffer.length; ) {
    const digits = buffer.toString('latin1', at, at + 4)
    const size = Number.parseInt(digits, 16)
    if (!/^[0-9a-fA-F]{4}$/.test(digits) || (size > 0 && size < 4) || at + size > buffer.length) throw new SyntaxError('the answer is not in git\'s packet format, or it broke off')
    packets.push(size === 0 ? null : buffer.subarray(at + 4, at + size))
    at += Math.max(size, 4)
  }
  return packets
}

/** A packet as the text of a line. */
export const line = (content: Buffer): string => content.toString('utf8').replace(/\n$/, '')
