/** A foreign key: rows of `table` point to rows of `target`. */
export type Reference = { table: string; target: string; name: string; nullable: boolean }

export type Order = {
  tables: string[]
  /** Foreign keys that point forward in that order, because they close a circle: they can be checked at the end only. */
  late: Reference[]
}

/**
 * Tables so that each comes after those it points to. Where they point to each other in a circle, a
 * reference that may be empty is left for the end.
 * @throws Error for a circle of references that are all required
 */
export function orderTables(tables: readonly string[], references: readonly Reference[]): Order {
  const order: string[] = []
  const late: Reference[] = []
  let open = references.filter((one) => one.table !== one.target)
  const left = new Set([...tables].sort())
  while (left.size > 0) {
    const free = [...left].filter((table) => !open.some((one) => one.table === table && left.has(one.target)))
    for (const table of free) {
      order.push(table)
      left.delete(table)
    }
    if (free.length > 0) continue
    // A table that points nowhere but by references that may be empty can go first: they are checked late.
    const next = [...left].find((table) => open.filter((one) => one.table === table && left.has(one.target)).every((one) => one.nullable))
    if (next === undefined) throw new Error(`these tables point to each other in a circle: ${[...left].join(', ')}`)
    late.push(...open.filter((one) => one.table === next && left.has(one.target)))
    open = open.filter((one) => one.table !== next)
  }
  return { tables: order, late: [...late, ...references.filter((one) => one.table === one.target)] }
}
