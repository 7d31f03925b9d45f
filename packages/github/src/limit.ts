/** GitHub's own advice where it names no time: "wait for at least one minute". */
const UNSAID_MS = 60_000

/**
 * Until when an answer asks us to stay away; null: it does not. A limit is 429, or 403 that says so: with
 * `Retry-After`, with nothing remaining, or in words (a secondary limit may come without any header). A
 * 5xx with `Retry-After` asks for the same. `Retry-After` counts seconds; `X-RateLimit-Reset` is an epoch
 * second and speaks when nothing remains.
 * Source: docs.github.com, "Rate limits for the REST API".
 */
export function readLimit(status: number, header: (name: string) => string | undefined, message: string, now: Date): Date | null {
  if (status !== 403 && status !== 429 && status < 500) return null
  const [after, reset] = [header('retry-after'), header('x-ratelimit-reset')]
  if (after !== undefined && /^\d+$/.test(after)) return new Date(now.getTime() + Number(after) * 1000)
  // Proxies in front of a forge name a date.
  if (after !== undefined && !Number.isNaN(Date.parse(after))) return new Date(Date.parse(after))
  if (status >= 500) return null
  const nothingLeft = header('x-ratelimit-remaining') === '0'
  if (nothingLeft && reset !== undefined && /^\d+$/.test(reset)) return new Date((Number(reset) + 1) * 1000)
  const limited = status === 429 || nothingLeft || /secondary rate limit|rate limit exceeded|abuse detection/i.test(message)
  return limited ? new Date(now.getTime() + UNSAID_MS) : null
}
