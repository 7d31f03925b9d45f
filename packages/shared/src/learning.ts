import { z } from 'zod'

export const LEARNING_KINDS = ['pattern', 'gotcha', 'approach'] as const
export const LearningKind = z.enum(LEARNING_KINDS)
export type LearningKind = z.infer<typeof LearningKind>

/** One discovery worth telling a later run. */
export const NewLearning = z.strictObject({ kind: LearningKind, text: z.string().trim().min(8).max(1000) })
export type NewLearning = z.infer<typeof NewLearning>

export const Learning = z.object({
  id: z.number().int(),
  repo: z.string(),
  kind: LearningKind,
  text: z.string(),
  itemId: z.number().int().nullable(),
  runId: z.number().int().nullable(),
  createdAt: z.iso.datetime(),
  timesGiven: z.number().int(),
})
export type Learning = z.infer<typeof Learning>

/** How many learnings one run may add; what follows is noise, not discovery. */
export const MAX_NEW_LEARNINGS = 20

/**
 * Reads `.ai/new-learnings.md`: lines `- Pattern: …`, `- Gotcha: …`, `- Approach: …`. The file is
 * written by a model, so everything else in it (prose, garbage, binary) is passed over; repeats are
 * dropped and texts cut to the length the database takes.
 */
export function parseNewLearnings(markdown: string): NewLearning[] {
  const found = new Map<string, NewLearning>()
  for (const line of markdown.slice(0, 262_144).split(/\r?\n/)) {
    const match = /^\s*[-*]\s+\**(pattern|gotcha|approach)\**\s*:\**\s*(.+)$/i.exec(line)
    if (!match) continue
    // oxlint-disable-next-line no-control-regex -- what a model writes may hold them
    const text = (match[2] ?? '').replace(/[\u0000-\u001f\u007f]/g, ' ').trim().slice(0, 1000)
    const learning = NewLearning.safeParse({ kind: match[1]?.toLowerCase(), text })
    if (learning.success) found.set(`${learning.data.kind}:${learning.data.text.toLowerCase()}`, learning.data)
    if (found.size >= MAX_NEW_LEARNINGS) break
  }
  return [...found.values()]
}
