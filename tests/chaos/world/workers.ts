import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export type LiveWorker = { name: string; wrapper: number; pids: number[] }

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Workers of the process runtime that run now, as the system shows them: from outside the factory. */
export function liveWorkers(root: string): LiveWorker[] {
  if (!existsSync(root)) return []
  return readdirSync(root).flatMap((name): LiveWorker[] => {
    const wrapper = Number.parseInt(read(join(root, name, 'stat')), 10)
    if (!Number.isSafeInteger(wrapper) || !read(`/proc/${wrapper}/environ`).includes(`/${name}\0`)) return []
    const children = read(`/proc/${wrapper}/task/${wrapper}/children`).split(' ').filter(Boolean).map(Number)
    return children.length === 0 ? [] : [{ name, wrapper, pids: children }]
  })
}

/** Processes that carry the mark of one of the instance's workers. */
export function markedProcesses(instance: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/environ`).includes(`FACTORY_WORKER_MARK=${instance}/`))
    .map((pid) => `${pid} ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()}`)
    .filter((line) => / /.test(line))
}
