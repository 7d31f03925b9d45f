import { WORK_STATUSES } from '@factory/shared'
import { count, oneOf, text } from '../arguments.ts'
import type { Command } from '../command.ts'
import { renderTable } from '../terminal/table.ts'
import { age, money, PRIORITY_TONE, WORK_WORD } from '../terminal/words.ts'

export const command: Command = {
  usage: 'factory work list [--status STATUS] [--repo OWNER/NAME] [--active] [--limit N]',
  options: { status: { type: 'string' }, repo: { type: 'string' }, active: { type: 'boolean' }, limit: { type: 'string' } },
  optionHelp: {
    status: WORK_STATUSES.join(', '),
    repo: 'only this repository',
    active: 'only items that are not completed, failed or cancelled',
    limit: 'how many, 1 to 500 (50)',
  },
  positionals: { min: 0, max: 0 },
  async run({ client, values, io, style }) {
    const status = oneOf(values, 'status', WORK_STATUSES)
    const repo = text(values, 'repo')
    const query = { limit: count(values, 'limit', 50, 500), ...(status ? { status } : {}), ...(repo === undefined ? {} : { repo }), ...(values['active'] === true ? { active: 'true' as const } : {}) }
    const answer = await (await client()).call('listWork', { query })
    if (answer.items.length === 0) return { json: answer, text: 'No such items. Ask for work: factory work add --repo OWNER/NAME --description TEXT' }
    const table = renderTable(
      [{ head: 'ID', right: true }, { head: 'STATUS' }, { head: 'PRIO', optional: true }, { head: 'REPO', flexible: true }, { head: 'TITLE', flexible: true }, { head: 'PR' }, { head: 'COST', right: true, optional: true }, { head: 'AGE', right: true, optional: true }],
      answer.items.map((item) => [
        String(item.id),
        { text: WORK_WORD[item.status][0], tone: WORK_WORD[item.status][1] },
        { text: item.priority, tone: PRIORITY_TONE[item.priority] },
        item.repo,
        item.title,
        item.pull ? `#${item.pull.number}` : '',
        money(item.usage.costUsd),
        age(item.createdAt, io.now()),
      ]),
      io.width,
      style,
    )
    return { json: answer, text: answer.next === null ? table : `${table}\n${style('quiet', 'there are more: raise --limit')}` }
  },
}
