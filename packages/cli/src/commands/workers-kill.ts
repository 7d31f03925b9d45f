import { readId, text } from '../arguments.ts'
import type { Command } from '../command.ts'
import { visibleLine } from '../terminal/visible.ts'

export const command: Command = {
  usage: 'factory workers kill ID [--reason TEXT]',
  details: 'At most the iteration under way is lost; the item goes back to the queue.',
  options: { reason: { type: 'string' } },
  optionHelp: { reason: 'is recorded with it' },
  positionals: { min: 1, max: 1 },
  async run({ client, positionals, values }) {
    const reason = text(values, 'reason')
    const answer = await (await client()).call('killWorker', { params: { id: readId(positionals[0], 'ID') }, body: reason === undefined ? {} : { reason } })
    return { json: answer, text: `Killed run ${answer.run.id} of item ${answer.run.itemId}: ${visibleLine(answer.run.title)}` }
  },
}
