import type { Db, Sql } from '../../../packages/orchestrator/src/db/connect.ts'
import type { Boundaries } from './boundaries.ts'

/** Calls of a port that are no call of anything outside. */
const INSIDE = ['close', 'prepare', 'ping']
/** On a timer: whether one comes after a certain commit depends on the clock. */
export const PERIODIC = ['runtime.list', 'runtime.readLog', 'locks.isWhole']

/** A port whose every call of the outside is a boundary. */
export function wrapPort<T extends object>(port: T, name: string, boundaries: Boundaries): T {
  return new Proxy(port, {
    get(target, key, receiver) {
      const member: unknown = Reflect.get(target, key, receiver)
      if (typeof member !== 'function' || typeof key !== 'string' || INSIDE.includes(key)) return member
      const call = `${name}.${key}`
      return (...args: unknown[]) => {
        const act = async (): Promise<unknown> => Reflect.apply(member, target, args)
        return PERIODIC.includes(call) ? boundaries.aroundPeriodic(call, act) : boundaries.around(call, act)
      }
    },
  })
}

/** A database whose every commit is a boundary, named for the file that asked for it; a call of admit() is a transaction of its own. */
export function wrapDb(db: Db, boundaries: Boundaries): Db {
  const sql: Sql = new Proxy(db.sql, {
    apply(target, self, args: unknown[]) {
      const [strings] = args
      const run = (): unknown => Reflect.apply(target, self, args)
      if (!Array.isArray(strings) || !strings.join('').includes('from admit(')) return run()
      return boundaries.aroundPeriodic('commit admit', () => Promise.resolve(run()), (rows) => JSON.stringify(rows).includes('"admitted"'))
    },
    get(target, key, receiver) {
      const member: unknown = Reflect.get(target, key, receiver)
      if (key !== 'begin' || typeof member !== 'function') return member
      return async (body: (tx: unknown) => Promise<unknown>): Promise<unknown> => {
        const commit = boundaries.commit(`commit ${caller()}`)
        const result: unknown = await Reflect.apply(member, target, [
          async (tx: unknown) => {
            const result = await body(tx)
            commit.before()
            return result
          },
        ])
        commit.after()
        return result
      }
    },
  })
  return { ...db, sql }
}

/** The verb that asked for a transaction. */
function caller(): string {
  const frames = (new Error('who asks').stack ?? '').split('\n').map((line) => /packages\/orchestrator\/src\/([\w/-]+)\.ts/.exec(line)?.[1])
  return frames.find((file) => file !== undefined && file !== 'transact' && !file.startsWith('db/')) ?? 'unknown'
}
