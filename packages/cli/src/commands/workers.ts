import { isLiveRun } from '@factory/shared'
import type { Command } from '../command.ts'
import { renderTable } from '../terminal/table.ts'
import { age, money, RUN_TONE } from '../terminal/words.ts'

export const command: Command = {
  usage: 'factory workers [--all]',
  options: { all: { type: 'boolean' } },
  optionHelp: { all: 'also those that ended' },
  positionals: { min: 0, max: 0 },
  async run({ client, values, io, style }) {
    const answer = await (await client()).call('listWorkers', { query: values['all'] === true ? {} : { live: 'true' } })
    if (answer.workers.length === 0) return { json: answer, text: 'No worker is active.' }
    const now = io.now()
    return {
      json: answer,
      text: renderTable(
        [{ head: 'ID', right: true }, { head: 'ITEM', right: true }, { head: 'KIND' }, { head: 'STATUS' }, { head: 'ITER', right: true }, { head: 'TASKS', right: true, optional: true }, { head: 'COST', right: true, optional: true }, { head: 'BEAT', right: true }, { head: 'TITLE', flexible: true }, { head: 'DOING', flexible: true }],
        answer.workers.map((run) => [
          String(run.id),
          String(run.itemId),
          run.kind,
          { text: run.status, tone: RUN_TONE[run.status] },
          run.progress && run.progress.maxIterations > 0 ? `${run.progress.iteration}/${run.progress.maxIterations}` : '',
          run.progress && run.progress.tasksTotal > 0 ? `${run.progress.tasksDone}/${run.progress.tasksTotal}` : '',
          money(run.usage.costUsd),
          isLiveRun(run.status) && run.heartbeatAt ? age(run.heartbeatAt, now) : '',
          run.title,
          isLiveRun(run.status) ? (run.progress?.activity ?? run.progress?.step ?? '') : (run.outcome?.message ?? ''),
        ]),
        io.width,
        style,
      ),
    }
  },
}
