/** A place at which a process can be killed: just before or just after something that others can see. */
export type Point = { name: string; nth: number; when: 'before' | 'after' }

export const pointName = ({ name, nth, when }: Point): string => `${when} ${name} #${nth}`

export type Boundaries = {
  /** Does something that crosses a boundary, and counts it. */
  around<T>(name: string, act: () => Promise<T>): Promise<T>
  /** The same for what is asked again and again by the clock: counted once for each number of commits so far. `committed`: this one was one of them. */
  aroundPeriodic<T>(name: string, act: () => Promise<T>, committed?: (result: T) => boolean): Promise<T>
  /** For a commit, whose two sides lie inside and outside of the transaction. */
  commit(name: string): { before(): void; after(): void }
  /** Every point that was passed, in order. */
  passed(): readonly Point[]
}

/** Counts the boundaries of one process and calls `die` at one of them; null: at none. */
export function createBoundaries(at: Point | null, die: () => void): Boundaries {
  const points: Point[] = []
  const counts = new Map<string, number>()
  const seen = new Set<string>()
  let commits = 0

  const pass = (point: Point, periodic = false): void => {
    points.push(point)
    if (!at || point.name !== at.name || point.when !== at.when) return
    // Two commits may follow each other without a look of the clock between them: then its next look counts.
    if (point.nth === at.nth || (periodic && point.nth > at.nth)) die()
  }
  const count = (name: string): number => {
    const nth = (counts.get(name) ?? 0) + 1
    counts.set(name, nth)
    return nth
  }
  return {
    async around(name, act) {
      const nth = count(name)
      pass({ name, nth, when: 'before' })
      const result = await act()
      pass({ name, nth, when: 'after' })
      return result
    },
    async aroundPeriodic(name, act, committed) {
      // How often it is asked depends on the clock; after which commit does not.
      const nth = commits
      const first = !seen.has(`${name} ${nth}`)
      seen.add(`${name} ${nth}`)
      if (first) pass({ name, nth, when: 'before' }, true)
      const result = await act()
      if (committed?.(result)) commits += 1
      if (first) pass({ name, nth, when: 'after' }, true)
      return result
    },
    commit(name) {
      const nth = count(name)
      return {
        before: () => pass({ name, nth, when: 'before' }),
        after() {
          commits += 1
          pass({ name, nth, when: 'after' })
        },
      }
    },
    passed: () => points,
  }
}
