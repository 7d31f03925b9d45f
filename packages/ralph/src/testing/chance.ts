/** mulberry32: the same numbers from 0 to 1 for the same seed. */
export function chance(seed: number): () => number {
  let at = seed
  return () => {
    at = (at + 0x6d2b79f5) | 0
    let bits = Math.imul(at ^ (at >>> 15), 1 | at)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}
