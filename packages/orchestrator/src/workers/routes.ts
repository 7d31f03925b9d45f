import type { Context } from '../context.ts'
import type { Handlers, RunCaller } from '../http/handlers.ts'
import { authorizeRun } from './authorize.ts'
import { completeRun, failRun, pauseRun, stuckRun } from './end.ts'
import { heartbeat } from './heartbeat.ts'
import { killWorker } from './kill.ts'
import { lockPaths, unlockPaths } from './lock.ts'
import { workerLogs } from './logs.ts'
import { listWorkers } from './read.ts'
import { registerRun } from './register.ts'
import type { RunRef } from './refs.ts'

const ref = (caller: RunCaller): RunRef => ({ id: caller.runId, itemId: caller.itemId, token: caller.token })

export const workerHandlers: Handlers<
  Context,
  'listWorkers' | 'workerLogs' | 'killWorker' | 'register' | 'heartbeat' | 'lock' | 'unlock' | 'complete' | 'fail' | 'stuck' | 'pause' | 'authorize'
> = {
  listWorkers: async (ctx, { query }) => ({ workers: await listWorkers(ctx, query) }),
  workerLogs: (ctx, { params, query }) => workerLogs(ctx, params.id, query.after, query.limit),
  killWorker: async (ctx, { params, body }) => ({ run: await killWorker(ctx, params.id, body.reason) }),
  register: (ctx, { body }, caller) => registerRun(ctx, ref(caller), body),
  heartbeat: (ctx, { body }, caller) => heartbeat(ctx, ref(caller), body),
  lock: (ctx, { body }, caller) => lockPaths(ctx, ref(caller), body.paths),
  unlock: async (ctx, { body }, caller) => ({ released: await unlockPaths(ctx, ref(caller), body.paths) }),
  complete: (ctx, { body }, caller) => completeRun(ctx, ref(caller), body),
  fail: (ctx, { body }, caller) => failRun(ctx, ref(caller), body),
  stuck: (ctx, { body }, caller) => stuckRun(ctx, ref(caller), body),
  pause: (ctx, { body }, caller) => pauseRun(ctx, ref(caller), body),
  authorize: (ctx, { body }) => authorizeRun(ctx, body.token),
}
