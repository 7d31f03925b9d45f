import { RestoreReport } from '@factory/shared'
import { resolve } from 'node:path'
import type { Command } from '../command.ts'
import { UsageError } from '../exit.ts'
import { visibleLine } from '../terminal/visible.ts'
import { transfer } from '../transfer.ts'

export const command: Command = {
  usage: 'factory restore FILE',
  details:
    'Into a factory without work items only, all of it or nothing. Runs that were live when the backup was\nmade are lost and their items wait again; what happened after it is not known any more.',
  positionals: { min: 1, max: 1 },
  async run(context) {
    const { io, positionals } = context
    const path = resolve(io.cwd, positionals[0] ?? '')
    const file = Bun.file(path)
    if (!(await file.exists())) throw new UsageError(`there is no file ${path}`)
    const response = await transfer(context, 'POST', '/api/restore', file)
    const report = RestoreReport.parse(await response.json())
    const requeued = report.requeued.length
    const lines = [
      `Restored ${report.rows['work_items'] ?? 0} items as they were at ${visibleLine(report.at)}.`,
      ...(requeued > 0 ? [`${requeued} ${requeued === 1 ? 'run was' : 'runs were'} under way then; ${requeued === 1 ? 'its item waits' : 'their items wait'} again.`] : []),
      ...(report.migrated.length > 0 ? [`Migrated: ${report.migrated.join(', ')}.`] : []),
    ]
    return { json: report, text: lines.join('\n') }
  },
}
