/** Readers of parsed JSON: a process for each run cannot afford to load a schema library first. */
export type Fields = Record<string, unknown>

export function asFields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('expected an object')
  return Object.fromEntries(Object.entries(value))
}
export function asNumber(value: unknown): number {
  if (typeof value !== 'number') throw new Error('expected a number')
  return value
}
export function asText(value: unknown): string {
  if (typeof value !== 'string') throw new Error('expected a text')
  return value
}
export function asList(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error('expected a list')
  return value.map((one: unknown) => one)
}
