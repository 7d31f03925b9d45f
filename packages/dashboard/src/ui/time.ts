const UNITS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
] as const

/** A length of time in at most two words: "42 s", "3 min", "2 h 5 min". Seconds in. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  for (const [index, [size, word]] of UNITS.entries()) {
    if (whole < size) continue
    const next = UNITS[index + 1]
    const rest = next ? Math.floor((whole % size) / next[0]) : 0
    return next && rest > 0 ? `${Math.floor(whole / size)} ${word} ${rest} ${next[1]}` : `${Math.floor(whole / size)} ${word}`
  }
  return `${whole} s`
}

/** "12 s ago", "in 4 min", for a time in ISO form and the present in epoch milliseconds. */
export function relative(iso: string, now: number): string {
  const seconds = (now - Date.parse(iso)) / 1000
  if (Math.abs(seconds) < 1) return 'now'
  return seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`
}

/** A moment to wait for: the clock time today, with the day otherwise. */
export function until(iso: string, now: number): string {
  const at = new Date(iso)
  const clock = at.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' })
  const today = new Date(now).toDateString() === at.toDateString()
  return today ? clock : `${at.toLocaleDateString(undefined, { weekday: 'short', day: 'numeric', month: 'short' })} ${clock}`
}

export function money(usd: number): string {
  return usd > 0 && usd < 0.01 ? '< $0.01' : `$${usd.toFixed(2)}`
}
