import type { WorkDetail } from '@factory/shared'
import { readId } from '../arguments.ts'
import type { Command, Context } from '../command.ts'
import type { Tone } from '../terminal/style.ts'
import { renderTable } from '../terminal/table.ts'
import { visible, visibleLine } from '../terminal/visible.ts'
import { age, money, RUN_TONE, shortDuration, waitingLine, WORK_WORD } from '../terminal/words.ts'

/** Events shown; `--json` has them all. */
const EVENTS = 12

export const command: Command = {
  usage: 'factory work show ID [--spec]',
  options: { spec: { type: 'boolean' } },
  optionHelp: { spec: 'print the spec and nothing else' },
  positionals: { min: 1, max: 1 },
  async run({ client, positionals, values, io, style }) {
    const detail = await (await client()).call('getWork', { params: { id: readId(positionals[0], 'ID') } })
    if (values['spec'] === true) return { json: detail, text: visible(detail.item.spec ?? 'There is no spec yet.') }
    return { json: detail, text: render(detail, io, style) }
  },
}

function render({ item, runs, events }: WorkDetail, io: Context['io'], style: Context['style']): string {
  const now = io.now()
  const row = (name: string, words: string | null, tone: Tone = 'plain') => (words === null || words === '' ? [] : [`${style('quiet', name.padEnd(10))} ${style(tone, words)}`])
  const [word, tone] = WORK_WORD[item.status]
  const report = item.evidence
  return [
    style('strong', `#${item.id} ${visibleLine(item.title)}`),
    ...row('status', word, tone),
    ...row('waits', item.waiting && waitingLine(item.waiting, now)),
    ...row('failure', item.failure && `${visibleLine(item.failure.code)}: ${visible(item.failure.message)}`, 'bad'),
    ...row('question', item.question && visible(item.question), 'wait'),
    ...row('repo', visibleLine(item.repo)),
    ...row('source', visibleLine(`${item.source} ${item.sourceId} ${item.sourceUrl ?? ''}`)),
    ...row('priority', item.priority),
    ...row('attempts', `${item.attempts} of ${item.maxAttempts}${item.losses > 0 ? `, ${item.losses} lost` : ''}`),
    ...row('usage', `${item.usage.iterations} iterations, ${money(item.usage.costUsd)}`),
    ...row('pull', item.pull && `#${item.pull.number} ${visibleLine(item.pull.url)}`, 'good'),
    ...row('evidence', report && `${report.passed ? 'passed' : 'not passed'}: ${visibleLine(report.reason)} (${report.diff.files} files, +${report.diff.insertions} -${report.diff.deletions})`, report?.passed ? 'good' : 'bad'),
    ...row('checks', item.environment && visibleLine(`${[...item.environment.verify, ...(item.environment.required ?? [])].join('; ') || 'none'} (${item.environment.source})`)),
    ...(runs.length === 0
      ? []
      : [
          '',
          renderTable(
            [{ head: 'RUN', right: true }, { head: 'KIND' }, { head: 'STATUS' }, { head: 'ATT', right: true }, { head: 'ITER', right: true }, { head: 'COST', right: true }, { head: 'TOOK', right: true }, { head: 'OUTCOME', flexible: true }],
            runs.map((run) => [
              String(run.id),
              run.kind,
              { text: run.status, tone: RUN_TONE[run.status] },
              String(run.attempt),
              String(run.usage.iterations),
              money(run.usage.costUsd),
              shortDuration(((run.finishedAt ? Date.parse(run.finishedAt) : now) - Date.parse(run.startedAt)) / 1000),
              run.outcome?.message ?? run.progress?.activity ?? '',
            ]),
            io.width,
            style,
          ),
        ]),
    ...(events.length === 0
      ? []
      : [
          '',
          renderTable(
            [{ head: 'AGO', right: true }, { head: 'EVENT' }, { head: 'FACTS', flexible: true }],
            events.slice(-EVENTS).map((event) => [age(event.at, now), event.type, Object.entries(event.data).map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`).join(' ')]),
            io.width,
            style,
          ),
        ]),
  ].join('\n')
}
