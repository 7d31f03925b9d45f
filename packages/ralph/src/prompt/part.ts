import { allot } from './budget.ts'
import { estimateTokens, keepEnd, keepStart } from './tokens.ts'

/** A piece of a prompt that can be made shorter: `make` keeps to the tokens it is given, or gives ''. */
export type Part = { make(tokens: number): string }

/**
 * Every tag that material stands in. No material may hold one: it could end its own, or pretend to be
 * another. A text that ends with the beginning of a tag could become one by what comes after it.
 */
const TAG = /<(?=\s*\/?\s*(?:(?:spec|guidance|learnings|previous|evidence|request)\b|$))/gi

/** Material that no longer holds a tag of ours; twice is the same as once. */
export const guard = (text: string): string => text.replace(TAG, '&lt;')

/** Room below which a cut text says nothing. */
const WORTHWHILE_TOKENS = 12

/** Material in its tag, with what comes before it; nothing at all where no text is. */
export function material(given: { before: string; tag: string; text: string | null; keep: 'start' | 'end' }): Part {
  const text = guard(given.text?.trim() ?? '')
  const keep = given.keep === 'start' ? keepStart : keepEnd
  return text === '' ? NOTHING : framed(given.before, given.tag, (room) => (room < Math.min(WORTHWHILE_TOKENS, estimateTokens(text)) ? '' : keep(text, room)))
}

const NOTHING: Part = { make: () => '' }

/** What `inner` makes of the room within a tag. */
export function framed(before: string, tag: string, inner: (tokens: number) => string): Part {
  const frame = (text: string): string => `${before}<${tag}>\n${text}\n</${tag}>\n`
  const cost = estimateTokens(frame(''))
  return {
    make(tokens) {
      // Whole where it fits to the token: taken apart, frame and text are rounded up twice.
      const whole = frame(inner(Infinity))
      if (estimateTokens(whole) <= tokens) return whole
      const text = tokens > cost ? inner(tokens - cost) : ''
      return text === '' ? '' : frame(text)
    },
  }
}

/** A heading and as many of the items as fit, and how many more there are. */
export function listing(given: { before: string; items: readonly string[]; item: (text: string) => string; between: string; after?: string }): Part {
  const { before, between, after = '' } = given
  const lines = given.items.map((text) => given.item(guard(text)))
  const more = (count: number): string => `${between}and ${count} more`
  if (lines.length === 0) return NOTHING
  return {
    make(tokens) {
      const all = `${before}${lines.join(between)}${after}`
      if (estimateTokens(all) <= tokens) return all
      let room = tokens - estimateTokens(`${before}${more(lines.length)}${after}`) - 1
      let shown = ''
      let count = 0
      for (const line of lines) {
        const next = `${count === 0 ? '' : between}${line}`
        // A first item beyond all room is shown by its beginning.
        const fits = count === 0 ? keepStart(next, room, '…') : next
        const cost = estimateTokens(fits)
        if (fits === '' || cost > room) break
        shown += fits
        room -= cost
        count += 1
        if (fits !== next) break
      }
      const left = lines.length - count
      return count === 0 ? '' : `${before}${shown}${left === 0 ? '' : more(left)}${after}`
    },
  }
}

/** Makes parts that fit a budget together; `order` says who gives way first. */
export function fitParts<Name extends string>(budget: number, parts: Readonly<Record<Name, Part>>, limits: Readonly<Record<Name, { most: number; least: number }>>, order: readonly Name[]): (name: Name) => string {
  const wants = order.map((name) => {
    const whole = parts[name].make(limits[name].most)
    return { name, whole, need: estimateTokens(whole), least: limits[name].least }
  })
  const got = allot(budget, wants)
  const made = new Map(wants.map(({ name, whole, need }) => [name, got.get(name) === need ? whole : parts[name].make(got.get(name) ?? 0)]))
  return (name) => made.get(name) ?? ''
}
