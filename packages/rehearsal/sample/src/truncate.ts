/** Shortens a text to at most `length` characters, at the end of a word, and marks the cut with `…`. */
export function truncate(text: string, length: number): string {
  if (text.length <= length) return text
  const room = text.slice(0, Math.max(0, length - 1))
  const end = room.lastIndexOf(' ')
  return `${end > 0 ? room.slice(0, end) : room}…`
}
