/** Words of a title as a branch-name part: ASCII, at most 40 characters, cut at a word. */
export function slug(title: string): string {
  const words = title
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
  const cut = words.length <= 40 ? words : words.slice(0, 41).replace(/-[^-]*$/, '').slice(0, 40)
  return cut.replace(/-+$/, '') || 'work'
}

/** The deterministic head branch of an item: whoever publishes it, and however often, it is this one. */
export function headBranch(itemId: number, title: string): string {
  return `factory/${itemId}-${slug(title)}`
}
