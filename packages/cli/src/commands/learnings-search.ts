import { LEARNING_KINDS } from '@factory/shared'
import { count, oneOf, text } from '../arguments.ts'
import type { Command } from '../command.ts'
import { visibleLine } from '../terminal/visible.ts'

const HOW = { hybrid: 'found by meaning and text', text: 'found by text (no embeddings are configured)', recent: 'the newest ones' } as const

export const command: Command = {
  usage: 'factory learnings search [WORDS…] [--repo OWNER/NAME] [--kind KIND] [--limit N]',
  options: { repo: { type: 'string' }, kind: { type: 'string' }, limit: { type: 'string' } },
  optionHelp: { repo: 'only this repository', kind: LEARNING_KINDS.join(', '), limit: 'how many, 1 to 500 (20)' },
  positionals: { min: 0, max: 100 },
  async run({ client, positionals, values, style }) {
    const repo = text(values, 'repo')
    const kind = oneOf(values, 'kind', LEARNING_KINDS)
    const query = { q: positionals.join(' '), limit: count(values, 'limit', 20, 500), ...(repo === undefined ? {} : { repo }), ...(kind ? { kind } : {}) }
    const answer = await (await client()).call('learnings', { query })
    if (answer.learnings.length === 0) return { json: answer, text: 'Nothing found.' }
    const lines = answer.learnings.map((learning) => {
      const from = [visibleLine(learning.repo), learning.itemId === null ? '' : `item ${learning.itemId}`, `given ${learning.timesGiven} times`].filter(Boolean).join(', ')
      return `${style('strong', `${learning.kind}:`)} ${visibleLine(learning.text)}\n  ${style('quiet', from)}`
    })
    return { json: answer, text: [...lines, style('quiet', HOW[answer.mode])].join('\n') }
  },
}
