import { MAX_EVENT_LINE_BYTES } from '@factory/shared/ralph'

/**
 * The event as one line of JSON that a reader accepts: where it is too long its texts are cut, the
 * longest first to go, until it fits. Ids and numbers stay whole.
 */
export function toLine(event: Record<string, unknown>): string {
  const whole = JSON.stringify(event)
  if (size(whole) <= MAX_EVENT_LINE_BYTES) return whole
  for (let limit = 8192; limit >= 64; limit /= 2) {
    const line = JSON.stringify(cut(event, limit, 400))
    if (size(line) <= MAX_EVENT_LINE_BYTES) return line
  }
  return JSON.stringify(cut(event, 64, 20))
}

const size = (text: string): number => Buffer.byteLength(text) + 1

/** Texts keep their ends, where outputs say what matters. */
function cut(value: unknown, chars: number, items: number): unknown {
  if (typeof value === 'string') return value.length <= chars ? value : `…${value.slice(value.length - chars + 1).toWellFormed()}`
  if (Array.isArray(value)) return value.slice(0, items).map((item) => cut(item, chars, items))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cut(item, chars, items)]))
}
