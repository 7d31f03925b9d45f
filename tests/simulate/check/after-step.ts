import { isLiveRun, WORK_TRANSITIONS, RUN_TRANSITIONS, type RunStatus, type WorkStatus } from '@factory/shared'
import { limitsInForce } from '../store/admit.ts'
import type { RunRow } from '../store/rows.ts'
import type { World } from '../world.ts'

/** What invariants need to know of the step before. */
export type Memory = { version: number; items: WorkStatus[]; runs: RunStatus[]; live: number; committed: number; day: string; pulls: number }
export const newMemory = (): Memory => ({ version: -1, items: [], runs: [], live: 0, committed: 0, day: '', pulls: 0 })

/** Looked at after each step that changed something. Rows are read as they are; nothing here asks the code under test. */
export function checkStep(world: World, memory: Memory): void {
  const { kernel, db } = world
  if (memory.version === kernel.version) return
  memory.version = kernel.version
  const live = db.runs.filter((run) => isLiveRun(run.status))
  const admitted = db.runs.length > memory.runs.length ? db.runs.slice(memory.runs.length) : []
  checkMoves(world, memory)
  checkLive(world, live)
  checkLimits(world, memory, live, admitted)
  checkTrust(world)
  checkPulls(world)
  checkParked(world)
}

function checkMoves({ kernel, db }: World, memory: Memory): void {
  for (let index = 0; index < db.items.length; index++) {
    const item = db.items[index]
    const before = memory.items[index]
    if (item === undefined) continue
    // verified work goes on to be published in one transaction: at most one move in each
    if (before !== undefined && before !== item.status && !reaches(WORK_TRANSITIONS, before, item.status)) kernel.violated(`item ${item.id} went from ${before} to ${item.status}`)
    memory.items[index] = item.status
  }
  for (let index = 0; index < db.runs.length; index++) {
    const run = db.runs[index]
    const before = memory.runs[index]
    if (run === undefined) continue
    if (before !== undefined && before !== run.status && !reaches(RUN_TRANSITIONS, before, run.status)) kernel.violated(`run ${run.id} went from ${before} to ${run.status}`)
    memory.runs[index] = run.status
  }
}

function reaches<S extends string>(table: Readonly<Record<S, readonly S[]>>, from: S, to: S): boolean {
  return table[from].includes(to)
}

function checkLive({ kernel, db }: World, live: readonly RunRow[]): void {
  for (let a = 0; a < live.length; a++) {
    const one = live[a]
    if (one === undefined) continue
    if (db.item(one.itemId).currentRunId !== one.id) kernel.violated(`run ${one.id} is live, and item ${one.itemId} does not know it`)
    for (let b = a + 1; b < live.length; b++) {
      const other = live[b]
      if (other === undefined) continue
      if (one.itemId === other.itemId) kernel.violated(`item ${one.itemId} has two live runs, ${one.id} and ${other.id}`)
      if (one.repo !== other.repo || one.ghost.granted.size === 0) continue
      for (const path of one.ghost.granted) if (other.ghost.granted.has(path)) kernel.violated(`runs ${one.id} and ${other.id} both hold ${path}`)
    }
  }
}

/** An admission is held to the limits in force; nothing else may use up more of them. */
function checkLimits(world: World, memory: Memory, live: readonly RunRow[], admitted: readonly RunRow[]): void {
  const { kernel, db, settings } = world
  const limits = limitsInForce(db)
  const day = db.day(db.now())
  const committed = (db.budgetDays.get(day) ?? 0) + live.reduce((sum, run) => sum + Math.max(0, run.granted - run.iterations), 0)
  if (admitted.length > 0) {
    if (live.length > limits.maxWorkers) kernel.violated(`${live.length} runs are live, and ${limits.maxWorkers} may be`)
    const agents = admitted.filter((run) => run.kind !== 'verify')
    if (agents.length > 0 && committed > limits.dailyIterations) kernel.violated(`${committed} iterations are used or set aside, and ${limits.dailyIterations} are for the day`)
    if (agents.length > 1 && settings.limits.cooldownSeconds > 0) kernel.violated('two runs were admitted within the cooldown')
    for (const run of admitted) checkAdmitted(db.runs, run, live, limits, world)
  } else {
    if (live.length > memory.live) kernel.violated('there are more live runs without an admission')
    if (day === memory.day && committed > memory.committed) kernel.violated(`iterations used or set aside grew from ${memory.committed} to ${committed} without an admission`)
  }
  memory.live = live.length
  memory.committed = committed
  memory.day = day
}

function checkAdmitted(runs: readonly RunRow[], run: RunRow, live: readonly RunRow[], limits: { maxWorkersPerRepo: number; cooldownSeconds: number }, { kernel, settings }: World): void {
  if (limits.maxWorkersPerRepo > 0 && live.filter((one) => one.repo === run.repo).length > limits.maxWorkersPerRepo) kernel.violated(`${run.repo} has more than its ${limits.maxWorkersPerRepo} workers`)
  if (run.kind === 'verify') return
  // where clocks are set anew, nobody can say how long ago the last start was
  for (const other of settings.clockJumps ? [] : runs) {
    if (other.id >= run.id || other.kind === 'verify') continue
    const apart = run.startedAt - other.startedAt
    if (apart < limits.cooldownSeconds * 1000) kernel.violated(`run ${run.id} began ${apart} ms after run ${other.id}, within the cooldown`)
  }
  if (run.ghost.canary === null) return
  for (const other of live) if (other !== run && other.ghost.canary === run.ghost.canary) kernel.violated(`runs ${other.id} and ${run.id} both try the account`)
}

/** A worker never trusts itself longer than its run may speak; two of one item never do at once. */
function checkTrust(world: World): void {
  const { kernel, db } = world
  const byItem = new Map<number, string>()
  for (const worker of world.workers) {
    const { process, ref } = worker
    if (!process.alive || process.frozen || !worker.trusted()) continue
    const run = db.run(ref.id)
    const other = byItem.get(ref.itemId)
    if (other !== undefined) kernel.violated(`${other} and ${process.name} both trust themselves to work on item ${ref.itemId}`)
    byItem.set(ref.itemId, process.name)
    if (!isLiveRun(run.status)) kernel.violated(`${process.name} trusts itself, and its run ${run.id} has ended (${run.status})`)
    // where the database's clock is set anew, a lease ends when the clock says so, and nobody counts by it at first
    if (!world.settings.clockJumps && run.ghost.leaseUntil < kernel.now) kernel.violated(`${process.name} trusts itself ${kernel.now - run.ghost.leaseUntil} ms after the end of its lease`)
  }
}

function checkPulls({ kernel, forge, db }: World): void {
  const seen = new Set<number>()
  for (const pull of forge.pulls) {
    if (seen.has(pull.itemId)) kernel.violated(`item ${pull.itemId} has a second pull request, #${pull.number}`)
    seen.add(pull.itemId)
  }
  for (const item of db.items) {
    if (item.status !== 'completed' || item.branch === null) continue
    const effect = db.effects.find((one) => one.itemId === item.id)
    const head = forge.branchHead(item.repo, item.branch)
    const pull = forge.pulls.find((one) => one.itemId === item.id)
    if (effect && head !== effect.payload.headSha && !pull?.merged) kernel.violated(`item ${item.id} is completed, and its branch stands on ${head} instead of the verified ${effect.payload.headSha}`)
  }
}

/** Whatever is put aside has something that takes it up again. */
function checkParked({ kernel, db }: World): void {
  for (const item of db.items) {
    if (!item.parked) continue
    if (item.blockedBy === null ? item.notBefore === null : !db.blockers.has(item.blockedBy)) kernel.violated(`item ${item.id} is parked, and nothing will ever look at it`)
  }
}
