/**
 * What a prompt may weigh, in estimated tokens. A prompt is read again with every turn of an
 * iteration, and what stands in a long one is followed less well, so it holds what the task needs and
 * points to files for the rest.
 */
export const BUDGET = {
  /** One iteration. About a sixteenth of a window of 200,000: the rest is for the code and the work. */
  build: 12_000,
  /** A spec is written once an item, and the request is all there is to go by: most issues are taken whole. */
  draft: 24_000,
} as const

/**
 * The parts of a prompt, in the order in which they give way when all together are too long: `least`
 * is what each keeps as long as parts before it can give more. The task, the instructions and the names
 * of files are never cut; with a task of the longest length that a spec may have they stay below 8,000.
 */
export const PARTS = {
  /** Bullets of earlier runs; each is short, the best come first. */
  learnings: { most: 1500, least: 0 },
  /** How an earlier attempt at the whole item ended: a few sentences, perhaps a report. */
  previous: { most: 1000, least: 0 },
  /** CLAUDE.md and AGENTS.md: rules stand in front, long tails are reference. The agent can open them. */
  guidance: { most: 3000, least: 300 },
  /** The request of a draft: a GitHub issue holds at most 65,536 characters. */
  request: { most: 16_000, least: 12_000 },
  /** What was wrong with the spec of the try before. */
  problems: { most: 1000, least: 200 },
  /** The spec in short; the file itself is there to be read. */
  spec: { most: 4000, least: 1500 },
  /** What the next iteration has to know of a failure: the last lines of an output, 80 lines or so. */
  evidence: { most: 3000, least: 1200 },
  /** Names of checks. */
  checks: { most: 500, least: 300 },
} as const

/** The sections of the spec's outline within its part, in the order in which they give way. */
export const OUTLINE = {
  notes: { most: 1200, least: 0 },
  files: { most: 600, least: 0 },
  goal: { most: 1200, least: 100 },
  acceptance: { most: 1500, least: 300 },
  tasks: { most: 2500, least: 600 },
} as const

/** The task as a line of the outline. It stands in full above it. */
export const TASK_LINE_TOKENS = 90

export type Want = { name: string; need: number; least: number }

/**
 * Shares a budget out: each gets what it needs, and where that is too much the first in the list give
 * way first, down to their least; where that is not enough they give way to nothing, in the same order.
 */
export function allot(budget: number, wants: readonly Want[]): Map<string, number> {
  const got = new Map(wants.map(({ name, need }) => [name, need]))
  let over = wants.reduce((sum, { need }) => sum + need, 0) - budget
  for (const floor of ['least', 'none'] as const) {
    for (const { name, least } of wants) {
      if (over <= 0) return got
      const has = got.get(name) ?? 0
      const gives = Math.min(over, Math.max(0, has - (floor === 'least' ? least : 0)))
      got.set(name, has - gives)
      over -= gives
    }
  }
  return got
}
