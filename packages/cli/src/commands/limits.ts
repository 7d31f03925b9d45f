import type { ChangeLimits, Limits } from '@factory/shared'
import { text } from '../arguments.ts'
import type { Command } from '../command.ts'
import { UsageError } from '../exit.ts'

/** Each limit: its option, its name in the API, and how people call it. */
const LIMITS = [
  { option: 'max-workers', name: 'maxWorkers', words: 'workers at a time (0: none is started)' },
  { option: 'max-workers-per-repo', name: 'maxWorkersPerRepo', words: 'workers of one repository at a time (0: as many as there are)' },
  { option: 'daily-iterations', name: 'dailyIterations', words: 'iterations a day' },
  { option: 'cooldown', name: 'cooldownSeconds', words: 'seconds between two starts' },
] as const satisfies readonly { option: string; name: keyof Limits; words: string }[]

export const command: Command = {
  usage: 'factory limits [--max-workers N] [--max-workers-per-repo N] [--daily-iterations N] [--cooldown N]',
  details: 'Shows the limits, or sets some while the factory runs: at once, and until it is set anew. The word "configured" goes back to what the environment says.',
  options: Object.fromEntries(LIMITS.map(({ option }) => [option, { type: 'string' as const }])),
  optionHelp: Object.fromEntries(LIMITS.map(({ option, words }) => [option, words])),
  positionals: { min: 0, max: 0 },
  async run({ client, values, style }) {
    const body: ChangeLimits = {}
    for (const { option, name } of LIMITS) {
      const value = text(values, option)
      if (value !== undefined) body[name] = readLimit(option, value)
    }
    const api = await client()
    const limits = Object.keys(body).length > 0 ? await api.call('changeLimits', { body }) : await api.call('limits', {})
    const lines = LIMITS.map(({ name, words }) => {
      const { value, configured, set } = limits[name]
      return `${String(value).padStart(6)} ${words}${set ? style('wait', `, set while running (configured: ${configured})`) : ''}`
    })
    return { json: limits, text: lines.join('\n') }
  },
}

/** null: back to the configuration. */
function readLimit(option: string, value: string): number | null {
  if (value === 'configured') return null
  if (!/^\d{1,7}$/.test(value)) throw new UsageError(`--${option}: "${value}" is no whole number from 0 on; give one, or "configured"`)
  return Number(value)
}
