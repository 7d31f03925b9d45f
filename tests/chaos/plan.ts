import { PRIORITIES, type Priority } from '@factory/shared'
import { chance } from './chance.ts'

export type Variant = 'whole' | 'fencing' | 'outbox' | 'death'

/** How long the leases of a chaos run last; every freeze is measured by them. Seconds. */
export const LEASE_SECONDS = 3
export const LEADER_SECONDS = 1

export type PlannedItem = { sourceId: string; repo: string; priority: Priority; text: { spec: string } | { description: string } }

export const REPOSITORIES = 8
export const repoName = (index: number): string => `chaos/repo-${index}`

/** What is asked for: most with a spec, some of which name files that others name, too. */
export function planItems(seed: number, count: number): PlannedItem[] {
  return Array.from({ length: count }, (_, index) => {
    const draw = (about: string) => chance(`${seed} item ${index} ${about}`)
    const repo = repoName(Math.floor(draw('repo') * REPOSITORIES))
    const priority = PRIORITIES[Math.floor(draw('priority') * PRIORITIES.length)] ?? 'medium'
    const files = draw('files') < 0.3 ? [`src/part-${Math.floor(draw('file') * 6)}.ts`, `src/own-${index}.ts`] : []
    const text = draw('kind') < 0.05 ? { description: `Change number ${index}` } : { spec: specOf(`Change ${index}`, files) }
    return { sourceId: `chaos#${index + 1}`, repo, priority, text }
  })
}

/** A spec as small as one can be. */
export function specOf(title: string, files: readonly string[]): string {
  const named = files.length === 0 ? '' : `\n## Files\n\n${files.map((file) => `- ${file}`).join('\n')}\n`
  return `# ${title}\n\n## Tasks\n\n- [ ] do it\n${named}\n## Verify\n\n\`\`\`sh\ntrue\n\`\`\`\n`
}

/** What is done to the factory, and to which of its processes. */
export const FAULTS = [
  'worker.kill', // the process that works
  'worker.kill-tree', // and the one that carries it, at once
  'worker.freeze',
  'leader.kill',
  'leader.freeze',
  'follower.kill',
  'follower.freeze',
  'publisher.kill', // the leader, when the forge has just got a call of its publisher
  'publisher.freeze',
  'postgres.crash',
  'redis.flush',
  'redis.crash',
] as const
export type FaultKind = (typeof FAULTS)[number]

/** `after`: once so many items have their pull request. `pick`: which of those that it could hit. `ms`: how long it lasts. */
export type PlannedFault = { number: number; after: number; kind: FaultKind; pick: number; ms: number }

/** Of each 800 items' worth of chaos: 119 kills and freezes (a few of which find nothing to hit), 3 crashes of the store, and both ways to lose Redis. */
const PER_800 = {
  'worker.kill': 26,
  'worker.kill-tree': 16,
  'worker.freeze': 40,
  'leader.kill': 7,
  'leader.freeze': 5,
  'follower.kill': 7,
  'follower.freeze': 6,
  'publisher.kill': 7,
  'publisher.freeze': 5,
  'postgres.crash': 3,
  'redis.flush': 2,
  'redis.crash': 1,
} as const satisfies Record<FaultKind, number>

/** `density`: how many times as much as usual happens per item. The schedule: a pure function of seed and size, so that a seed can be run again. In the order in which they fall due. */
export function planFaults(seed: number, items: number, { leaseSeconds = LEASE_SECONDS, density = 1 }: { leaseSeconds?: number; density?: number } = {}): PlannedFault[] {
  const faults = FAULTS.flatMap((kind) => {
    const count = density === 0 ? 0 : Math.max(1, Math.round((PER_800[kind] * items * density) / 800))
    return Array.from({ length: count }, (_, nth) => {
      const draw = (about: string) => chance(`${seed} ${kind} ${nth} ${about}`)
      // One in each of `count` equal stretches, and none after the last items have begun.
      const after = Math.floor(((nth + draw('when')) / count) * items * 0.92)
      return { after, kind, pick: draw('pick'), ms: lasts(kind, draw('ms'), leaseSeconds) }
    })
  })
  return faults.sort((a, b) => a.after - b.after || a.kind.localeCompare(b.kind)).map((fault, number) => ({ number, ...fault }))
}

/** A freeze outlasts the lease that it is about, and of a worker also what follows from that; a store is away for a moment. Milliseconds. */
function lasts(kind: FaultKind, draw: number, leaseSeconds: number): number {
  if (kind === 'worker.freeze') return Math.round(leaseSeconds * (3 + 2 * draw) * 1000)
  if (kind.endsWith('.freeze')) return Math.round((draw < 0.3 ? leaseSeconds + 0.5 : LEADER_SECONDS * 2 + draw) * 1000)
  if (kind === 'redis.crash') return 700
  return 0
}

/** Those that count as a kill or a freeze of a process of the factory. */
export const isOfProcess = (kind: FaultKind): boolean => /^(worker|leader|follower|publisher)\./.test(kind)
