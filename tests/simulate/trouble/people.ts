import { isLiveRun, isTerminalWork } from '@factory/shared'
import { NOBODY } from '../store/database.ts'
import { reviveFailed } from '../store/effects.ts'
import { changeItem } from '../store/items.ts'
import { askRunToEnd } from '../store/runs.ts'
import type { ItemPatch, ItemRow } from '../store/rows.ts'
import type { World } from '../world.ts'

const once = { seconds: 0, after: () => {} }
type Deed = { weight: number; begin(world: World): typeof once | null }

/** What people do meanwhile; each is one transaction of theirs, or one click on the forge. */
export const PEOPLE: Readonly<Record<string, Deed>> = {
  'person cancels': { weight: 3, begin: (world) => onItem(world, (item) => !isTerminalWork(item.status), changeMind) },
  'person cancels what is being published': { weight: 3, begin: (world) => onItem(world, (item) => item.status === 'publishing', changeMind) },
  'person takes up again': { weight: 4, begin: (world) => onItem(world, (item) => item.status === 'failed' || item.status === 'cancelled' || item.status === 'needs_input', retryWork) },
  'person frees from waiting': { weight: 1, begin: (world) => onItem(world, (item) => item.status === 'queued' && item.notBefore !== null, retryWork) },
  'person kills a run': { weight: 2, begin: killRun },
  'person sets the number of workers': { weight: 2, begin: (world) => inDatabase(world, () => world.db.write(world.db.limits, { maxWorkers: world.kernel.chance.int(1, 4) })) },
  'person sets the iterations of a day': { weight: 2, begin: (world) => inDatabase(world, () => world.db.write(world.db.limits, { dailyIterations: world.kernel.chance.int(4, 60) })) },
  'person closes the pull request': { weight: 4, begin: (world) => onPull(world, false) },
  'person merges the pull request': { weight: 2, begin: (world) => onPull(world, true) },
}

function inDatabase(world: World, body: () => void): typeof once | null {
  if (world.db.away) return null
  world.db.transact(NOBODY, body)
  return once
}

function onItem(world: World, which: (item: ItemRow) => boolean, act: (world: World, item: ItemRow) => void): typeof once | null {
  const [first, ...rest] = world.db.items.filter(which)
  return first ? inDatabase(world, () => act(world, world.kernel.chance.pick([first, ...rest]))) : null
}

/** `work/cancel.ts` */
function cancelWork({ db }: World, item: ItemRow): void {
  if (item.currentRunId !== null) askRunToEnd(db, item.currentRunId, { code: 'cancelled', reason: 'no longer wanted' })
  changeItem(db, item.id, 'cancelled', { notBefore: null, waitCode: null, question: null }, 'work.status', null)
}

/** Cancels, and often wants it after all. */
function changeMind(world: World, item: ItemRow): void {
  cancelWork(world, item)
  if (world.kernel.chance.yes(0.6)) takeUpSoon(world, item)
}

/** `work/retry.ts`: counters start anew, and work goes on where it stood. */
function retryWork({ db }: World, item: ItemRow): void {
  const at = db.now()
  const fresh: ItemPatch = { attempts: 0, losses: 0, notBefore: null, waitCode: null, failureCode: null, failureMessage: null, question: null, queuedAt: at }
  if (item.status === 'queued') return void changeItem(db, item.id, null, { notBefore: null, waitCode: null }, 'decision', null)
  const again = item.spec === null ? 'drafting' : 'queued'
  const to = item.status === 'failed' && reviveFailed(db, item.id, at) ? 'publishing' : again
  changeItem(db, item.id, to, fresh, 'work.status', null)
}

function takeUpSoon(world: World, item: ItemRow): void {
  world.kernel.schedule(world.kernel.chance.int(200, 4000), null, 'a person takes it up again', () => {
    if (item.status === 'cancelled') inDatabase(world, () => retryWork(world, item))
  })
}

/** In some worlds somebody changes their mind whenever something is being published, and then once more. */
export function meddle(world: World): void {
  const { kernel, db, forge } = world
  if (!world.troubled) return
  for (const item of db.items) {
    if (item.status !== 'publishing' || !kernel.chance.yes(0.4)) continue
    if (inDatabase(world, () => cancelWork(world, item))) {
      kernel.count('trouble person meddles')
      takeUpSoon(world, item)
    }
  }
  for (const pull of forge.pulls) {
    if (pull.state !== 'open' || db.item(pull.itemId).status !== 'cancelled' || !kernel.chance.yes(0.5)) continue
    pull.state = 'closed'
    kernel.count('trouble person closes the pull request of what was cancelled')
  }
  kernel.schedule(kernel.chance.int(200, 2000), null, 'a person looks', () => meddle(world))
}

function killRun(world: World): typeof once | null {
  const [first, ...rest] = world.db.runs.filter((run) => isLiveRun(run.status))
  return first ? inDatabase(world, () => askRunToEnd(world.db, world.kernel.chance.pick([first, ...rest]).id, { code: 'killed', reason: 'enough' })) : null
}

function onPull(world: World, merged: boolean): typeof once | null {
  const [first, ...rest] = world.forge.pulls.filter((pull) => pull.state === 'open')
  if (!first || world.forge.away) return null
  const pull = world.kernel.chance.pick([first, ...rest])
  pull.state = 'closed'
  pull.merged = merged
  return once
}
