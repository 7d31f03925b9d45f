import { UsageError } from './exit.ts'
import type { Values } from './command.ts'

/** A number that names an item or a worker. @throws UsageError */
export function readId(word: string | undefined, what: string): number {
  if (word === undefined || !/^#?[1-9]\d{0,14}$/.test(word)) throw new UsageError(`${what} must be a number such as 12, not ${JSON.stringify(word ?? '')}`)
  return Number(word.replace('#', ''))
}

export function text(values: Values, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/** An option that must be one of some words. @throws UsageError naming them */
export function oneOf<Word extends string>(values: Values, name: string, words: readonly Word[]): Word | undefined {
  const value = text(values, name)
  if (value === undefined) return undefined
  const found = words.find((word) => word === value)
  if (found === undefined) throw new UsageError(`--${name} must be one of ${words.join(', ')}`)
  return found
}

/** @throws UsageError */
export function count(values: Values, name: string, fallback: number, most: number): number {
  const value = text(values, name)
  if (value === undefined) return fallback
  if (!/^\d+$/.test(value) || Number(value) < 1 || Number(value) > most) throw new UsageError(`--${name} must be a whole number from 1 to ${most}`)
  return Number(value)
}
