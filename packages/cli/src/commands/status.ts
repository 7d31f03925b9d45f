import { PRIORITIES } from '@factory/shared'
import type { Command } from '../command.ts'
import { EXIT } from '../exit.ts'
import { visibleLine } from '../terminal/visible.ts'
import { money, shortDuration, waitingLine, WORK_WORD } from '../terminal/words.ts'

export const command: Command = {
  usage: 'factory status [--json]',
  details: 'Exits with 1 when a part of the factory is not well.',
  positionals: { min: 0, max: 0 },
  async run({ client, io, style }) {
    const status = await (await client()).call('status', {})
    const now = io.now()
    const ahead = (iso: string | null): iso is string => iso !== null && Date.parse(iso) > now
    const left = (iso: string) => shortDuration((Date.parse(iso) - now) / 1000)
    const { budget, workers, queue } = status
    const byPriority = PRIORITIES.filter((priority) => (queue.byPriority[priority] ?? 0) > 0).map((priority) => `${queue.byPriority[priority]} ${priority}`)
    const items = Object.entries(WORK_WORD).flatMap(([name, [word, tone]]) => {
      const entry = Object.entries(status.items).find(([key]) => key === name)
      return entry && entry[1] > 0 ? [style(tone, `${entry[1]} ${word}`)] : []
    })
    const row = (name: string, words: string) => `${style('quiet', name.padEnd(11))} ${words}`
    const sick = status.parts.filter((part) => !part.ok)
    const lines = [
      row('workers', `${workers.active} of ${workers.allowed} active (${visibleLine(status.runtime.split(':')[0] ?? '')})${status.runtime.startsWith('process') ? style('wait', ' NO SANDBOX') : ''}`),
      row('queue', queue.total === 0 ? 'empty' : `${queue.total}: ${byPriority.join(', ')}`),
      row('today', `${budget.iterations} of ${budget.limit} iterations${budget.reserved > 0 ? `, ${budget.reserved} reserved` : ''}, ${money(budget.costUsd)}`),
      ...(items.length > 0 ? [row('items', items.join(', '))] : []),
      ...(ahead(status.pausedUntil) ? [row('paused', style('wait', `${left(status.pausedUntil)} more: ${visibleLine(status.pauseReason ?? 'paused')}`))] : []),
      ...(ahead(status.cooldownUntil) ? [row('cooldown', `${left(status.cooldownUntil)} more`)] : []),
      ...(status.waiting ? [row('waiting', waitingLine(status.waiting, now))] : []),
      row('parts', status.parts.length === 0 ? 'none reported' : status.parts.map((part) => style(part.ok ? 'good' : 'bad', `${visibleLine(part.name)} ${part.ok ? 'ok' : `not ok (${visibleLine(part.detail)})`}`)).join(', ')),
      row('up', `${shortDuration((now - Date.parse(status.startedAt)) / 1000)}, version ${visibleLine(status.version)}`),
    ]
    return { json: status, text: lines.join('\n'), exit: sick.length > 0 ? EXIT.failed : EXIT.ok }
  },
}
