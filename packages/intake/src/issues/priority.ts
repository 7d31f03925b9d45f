import { PRIORITIES, PRIORITY_RANK, type Priority } from '@factory/shared'

/** `priority:high`, `priority: high`, `priority/high` … and P0 to P3, as many repositories have them. */
const BUILT_IN: ReadonlyMap<string, Priority> = new Map(
  PRIORITIES.flatMap((priority, index): [string, Priority][] => [
    [`priority:${priority}`, priority],
    [`priority/${priority}`, priority],
    [`p${index}`, priority],
  ]),
)

/**
 * The most urgent priority that a label gives; null when none does. Rules of the repository's own
 * `.factory.yml` come first: a label named there means what it says there.
 */
export function priorityOf(labels: readonly string[], rules: Readonly<Record<string, Priority>>): Priority | null {
  const own = new Map(Object.entries(rules).map(([label, priority]) => [label.toLowerCase(), priority]))
  const found = labels.flatMap((label) => {
    const name = label.toLowerCase()
    const priority = own.get(name) ?? BUILT_IN.get(name.replace(/\s+/g, ''))
    return priority ? [priority] : []
  })
  return found.sort((a, b) => PRIORITY_RANK[a] - PRIORITY_RANK[b])[0] ?? null
}
