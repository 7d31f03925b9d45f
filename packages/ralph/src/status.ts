import { parseSpec } from '@factory/shared'
import { aiDir, filesIn } from './place.ts'
import { readHolder } from './progress/lock.ts'
import { loadState } from './progress/state.ts'

export type Status = {
  run: string | null
  running: boolean
  pid: number | null
  iterations: number
  tasksDone: number
  tasksTotal: number
  task: string | null
  costUsd: number
  head: string | null
  outcome: { exitCode: number; reason: string } | null
}

/** What is happening in a checkout, from the files alone. */
export async function readStatus(dir: string): Promise<Status> {
  const files = filesIn(aiDir(dir))
  const [state, holder] = await Promise.all([loadState(files.state), readHolder(files.lock)])
  const tasks = state ? parseSpec(state.spec).tasks : []
  return {
    run: holder?.run ?? state?.run ?? null,
    running: holder !== null,
    pid: holder?.pid ?? null,
    iterations: state?.iterations.length ?? 0,
    tasksDone: tasks.filter((task) => task.done).length,
    tasksTotal: tasks.length,
    task: tasks.find((task) => !task.done)?.text ?? null,
    costUsd: state?.usage.costUsd ?? 0,
    head: state?.head ?? null,
    outcome: state?.outcome ?? null,
  }
}

export function sayStatus(status: Status): string {
  if (status.run === null) return 'no run here\n'
  const lines = [
    `${status.run}: ${status.running ? `running (process ${status.pid})` : status.outcome ? `ended with ${status.outcome.exitCode}: ${status.outcome.reason}` : 'not running; "ralph run" goes on with it'}`,
    `${status.tasksDone} of ${status.tasksTotal} tasks done after ${status.iterations} iterations, $${status.costUsd.toFixed(4)}`,
    ...(status.task === null ? [] : [`next: ${status.task}`]),
  ]
  return `${lines.join('\n')}\n`
}
