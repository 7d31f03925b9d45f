const NEWLINE = 0x0a
const SPACE = 0x20
/** The longest character of UTF-8. */
const CHARACTER = 4

/** Keeps a byte order mark: it is output like any other. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
export const decodeOutput = (bytes: Uint8Array): string => decoder.decode(bytes)

/** `maxBytes` below one character would never get anywhere. */
export const pieceLimit = (maxBytes: number): number => Math.max(CHARACTER, Math.floor(maxBytes))

/**
 * How many of the unread bytes make the next piece. Pieces end with a line, so that what looks like a
 * credential is never cut in two and passed over; a line longer than the limit is cut at a blank, or
 * else between two characters. 0: a line is still being written.
 * @param unread what follows the last piece; more than the limit, when there is more
 * @param ended nothing will follow
 */
export function pieceEnd(unread: Uint8Array, maxBytes: number, ended: boolean): number {
  const limit = pieceLimit(maxBytes)
  if (unread.length <= limit && ended) return unread.length
  const window = unread.subarray(0, limit)
  const line = window.lastIndexOf(NEWLINE) + 1
  if (line > 0) return line
  if (window.length < limit) return 0
  return window.lastIndexOf(SPACE) + 1 || wholeCharacters(window)
}

/** Without a last character whose bytes are not all there. */
function wholeCharacters(window: Uint8Array): number {
  let start = window.length - 1
  // 10xxxxxx continues a character
  while (start > 0 && window.length - start < CHARACTER && ((window[start] ?? 0) & 0xc0) === 0x80) start -= 1
  return start > 0 && start + lengthOf(window[start] ?? 0) > window.length ? start : window.length
}

/** By the first byte: 110xxxxx has two, 1110xxxx three, 11110xxx four. */
function lengthOf(lead: number): number {
  if (lead >= 0xf0) return 4
  if (lead >= 0xe0) return 3
  return lead >= 0xc0 ? 2 : 1
}
