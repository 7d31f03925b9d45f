/** Reciprocal rank fusion's constant: how little the first places count more than the next (Cormack et al. 2009). */
const K = 60

/**
 * Merges ranked lists of ids into one by reciprocal rank fusion: an id scores 1/(60 + rank) in each list
 * that has it. Only ranks count, so that distances and text scores need no common measure. Of equals
 * the newer (larger) id goes first.
 */
export function fuse(lists: readonly (readonly number[])[]): number[] {
  const scores = new Map<number, number>()
  for (const list of lists) {
    for (const [index, id] of list.entries()) scores.set(id, (scores.get(id) ?? 0) + 1 / (K + index + 1))
  }
  return [...scores].sort(([idA, a], [idB, b]) => b - a || idB - idA).map(([id]) => id)
}

/** What two spellings of the same discovery have in common. */
export function normalize(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/[\s\p{P}]+/gu, ' ').trim()
}
