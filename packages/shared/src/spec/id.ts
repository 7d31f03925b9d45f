/**
 * Ids for tasks in document order: a hash of the text without case and spacing; the second task with
 * the same hash gets `-2`. Ids outlive ticking, moving and indenting, not rewording.
 */
export function taskIds(texts: readonly string[]): string[] {
  const seen = new Map<string, number>()
  return texts.map((text) => {
    const id = hash(text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim())
    const count = (seen.get(id) ?? 0) + 1
    seen.set(id, count)
    return count === 1 ? id : `${id}-${count}`
  })
}

/** 53-bit mixing hash ("cyrb53"); runs in a browser too, and needs no secrecy. */
function hash(text: string): string {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    a = Math.imul(a ^ code, 2654435761)
    b = Math.imul(b ^ code, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return ((b >>> 0) % 0x200000).toString(16).padStart(6, '0') + (a >>> 0).toString(16).padStart(8, '0')
}
