import { readId, text } from '../arguments.ts'
import type { Command } from '../command.ts'
import { visibleLine } from '../terminal/visible.ts'
import { WORK_WORD } from '../terminal/words.ts'

export const command: Command = {
  usage: 'factory work retry ID [--reason TEXT]',
  options: { reason: { type: 'string' } },
  optionHelp: { reason: 'is recorded with it' },
  positionals: { min: 1, max: 1 },
  async run({ client, positionals, values }) {
    const reason = text(values, 'reason')
    const answer = await (await client()).call('retryWork', { params: { id: readId(positionals[0], 'ID') }, body: reason === undefined ? {} : { reason } })
    return { json: answer, text: `Taken up again: item ${answer.item.id}, now ${WORK_WORD[answer.item.status][0]}: ${visibleLine(answer.item.title)}` }
  },
}
