const PLACE = /\\\{\{|\{\{\s*([A-Za-z0-9_]+)\s*\}\}/g

/** Fills `{{name}}` in every string of a value; `\{{` is two plain braces. Unknown names become empty. */
export function fill<T>(value: T, values: Readonly<Record<string, string>>): T
export function fill(value: unknown, values: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return value.replace(PLACE, (_all, name: string | undefined) => (name === undefined ? '{{' : (values[name] ?? '')))
  if (Array.isArray(value)) return value.map((item: unknown) => fill(item, values))
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, item]: [string, unknown]) => [key, fill(item, values)]))
  return value
}

/** The names that a value's strings ask for. */
export function placeholders(value: unknown): string[] {
  if (typeof value === 'string') return [...value.matchAll(PLACE)].flatMap((found) => found[1] ?? [])
  if (Array.isArray(value)) return value.flatMap((item: unknown) => placeholders(item))
  if (value !== null && typeof value === 'object') return Object.values(value).flatMap((item: unknown) => placeholders(item))
  return []
}
