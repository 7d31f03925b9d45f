/** Without a terminal the engine wraps each piece of output: 1 byte stream, 3 zero, 4 length (big endian). */
const HEADER = 8

/** The output without the engine's frames; a cut last frame gives what is there of it. */
export function demux(raw: Uint8Array): Uint8Array {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  const pieces: Uint8Array[] = []
  for (let at = 0; at + HEADER <= raw.length; ) {
    const size = view.getUint32(at + 4)
    pieces.push(raw.subarray(at + HEADER, at + HEADER + size))
    at += HEADER + size
  }
  return Buffer.concat(pieces)
}

/** The last bytes as text, beginning at a whole character. */
export function lastText(output: Uint8Array, bytes: number): string {
  let start = Math.max(0, output.length - bytes)
  // 10xxxxxx continues a character that began before the cut.
  while (start > 0 && start < output.length && ((output[start] ?? 0) & 0xc0) === 0x80) start += 1
  return new TextDecoder().decode(output.subarray(start))
}
