/**
 * The same tool call over and over: the one way of going round in circles that shows inside an
 * iteration. Pure; folded from what the stream tells.
 */

/** So many answers in a row are a loop (ARCHITECTURE, "Progress"). */
export const MOST_SAME_CALLS = 8

export type ToolStep =
  /** `parent`: the call that started the subagent; null is the main agent. */
  | { kind: 'call'; id: string; name: string; input: unknown; parent: string | null }
  | { kind: 'answer'; id: string; content: unknown; failed: boolean }

/** One agent's calls of one tool with one input, with no other call of its between them. */
type Streak = { name: string; input: string; answer: string | null; count: number }

export type Repeats = {
  /** By agent: the streak it is in. */
  streaks: ReadonlyMap<string | null, Streak>
  /** Calls without an answer, and whose they are. */
  open: ReadonlyMap<string, { parent: string | null; name: string; input: string }>
  /** The tool that was called {@link MOST_SAME_CALLS} times alike; once found it stays. */
  looping: { tool: string; input: string } | null
}

export const NO_REPEATS: Repeats = { streaks: new Map(), open: new Map(), looping: null }

/**
 * A streak is broken by another call of the same agent, and begins anew with an answer that says
 * something else: looking again and again at what moves is waiting, not a loop.
 */
export function follow(repeats: Repeats, step: ToolStep): Repeats {
  const open = new Map(repeats.open)
  if (step.kind === 'call') {
    const input = canonical(step.input)
    open.set(step.id, { parent: step.parent, name: step.name, input })
    const streak = repeats.streaks.get(step.parent)
    if (streak?.name === step.name && streak.input === input) return { ...repeats, open }
    return { ...repeats, open, streaks: new Map(repeats.streaks).set(step.parent, { name: step.name, input, answer: null, count: 0 }) }
  }
  const call = open.get(step.id)
  if (!call) return repeats
  open.delete(step.id)
  const streak = repeats.streaks.get(call.parent)
  // The answer of a call that another one has followed already says nothing about the new streak.
  if (!streak || streak.name !== call.name || streak.input !== call.input) return { ...repeats, open }
  const answer = `${step.failed ? 'failed' : 'fine'} ${withoutDurations(canonical(step.content))}`
  const count = answer === streak.answer ? streak.count + 1 : 1
  const looping = count >= MOST_SAME_CALLS ? { tool: call.name, input: call.input } : null
  return { open, streaks: new Map(repeats.streaks).set(call.parent, { ...streak, answer, count }), looping: repeats.looping ?? looping }
}

const UNIT = '(?:ns|[µμu]s|ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)'
const ONE = `\\d+(?:[.,]\\d+)?\\s?${UNIT}`
/** "12.5 ms", "3s", "1m 20s"; not "12M", which is a size, nor anything in "v1.5s2". */
const DURATION = new RegExp(`(?<![\\p{L}\\p{N}_.])${ONE}(?:\\s?${ONE})*(?![\\p{L}\\p{N}_])`, 'gu')

/** Two runs of the same thing never take equally long. */
export function withoutDurations(text: string): string {
  return text.replace(DURATION, '<duration>')
}

/** Deeper than anything a tool takes; bounds the recursion for hostile input. */
const DEEPEST = 200

/** JSON with its keys in order, so that the same value is the same text. Not looked at below {@link DEEPEST} levels. */
export function canonical(value: unknown, depth = 0): string {
  if (depth > DEEPEST) return '"…"'
  if (Array.isArray(value)) return `[${value.map((item: unknown) => canonical(item, depth + 1)).join(',')}]`
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([key, item]: [string, unknown]) => `${JSON.stringify(key)}:${canonical(item, depth + 1)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}
