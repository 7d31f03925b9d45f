import { MUTATIONS, type Mutation } from './settings.ts'

export type Arguments = { from: number; seeds: number; without: ReadonlySet<Mutation>; json: boolean; trace: boolean; coverage: boolean }

export const USAGE = `usage: bun run simulate [--seeds N] [--seed N] [--trace] [--coverage] [--json] [--without PART,…]
  --seeds N    so many worlds, from seed 1 on (default 10000)
  --seed N     this one world; with --trace all of its steps. With --seeds: the first of so many
  --coverage   how often each action, fault and refusal occurred
  --without    leaves a part of the protocol out, to see that it is noticed:
${Object.entries(MUTATIONS).map(([name, what]) => `    ${name.padEnd(9)}  ${what}`).join('\n')}`

/** null: not understood */
export function readArguments(given: readonly string[]): Arguments | null {
  let seed: number | null = null
  let seeds: number | null = null
  const without = new Set<Mutation>()
  const flags = { json: false, trace: false, coverage: false }
  const rest = given.flatMap((one) => (one.startsWith('--') && one.includes('=') ? [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)] : [one]))
  for (let at = 0; at < rest.length; at++) {
    const name = rest[at]
    if (name === '--json') flags.json = true
    else if (name === '--trace') flags.trace = true
    else if (name === '--coverage') flags.coverage = true
    else if (name === '--seed' || name === '--seeds') {
      const value = Number(rest[++at])
      if (!Number.isSafeInteger(value) || value < 1) return null
      if (name === '--seed') seed = value
      else seeds = value
    } else if (name === '--without') {
      for (const part of (rest[++at] ?? '').split(',')) {
        if (!isMutation(part)) return null
        without.add(part)
      }
    } else return null
  }
  return { from: seed ?? 1, seeds: seeds ?? (seed === null ? 10_000 : 1), without, ...flags }
}

function isMutation(name: string): name is Mutation {
  return Object.hasOwn(MUTATIONS, name)
}
