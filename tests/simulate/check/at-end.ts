import { isTerminalWork } from '@factory/shared'
import type { ItemRow } from '../store/rows.ts'
import type { World } from '../world.ts'
import { replayDiffers } from './replay.ts'

const PUBLISHED: ReadonlySet<string> = new Set(['publishing', 'completed'])

/** Is everything at rest? What is not yet, in words; empty: all is. */
export function unfinished(world: World): string[] {
  const { db, engine, locks } = world
  return [
    ...db.items.flatMap(itemUnfinished),
    ...db.runs.filter((run) => run.cleanedAt === null).map((run) => `run ${run.id} (${run.status}) is not cleaned up after`),
    ...[...engine.containers.keys()].map((name) => `container ${name} is left`),
    ...[...db.fileLocks.values()].map((lock) => `lock ${lock.path} of run ${lock.runId} is left`),
    ...locks.left().map((lock) => `lock ${lock} is left in the table`),
    // owed only while its item is publishing: of one that a person stopped meanwhile the row stays, and nothing acts on it
    ...db.effects.filter((effect) => effect.status === 'pending' && PUBLISHED.has(db.item(effect.itemId).status)).map((effect) => `effect ${effect.id} is still owed`),
    ...[...db.blockers.keys()].map((run) => `items are still noted to wait behind run ${run}`),
  ]
}

function itemUnfinished(item: ItemRow): string[] {
  const at = `item ${item.id} is ${item.status}`
  if (!isTerminalWork(item.status) && item.status !== 'needs_input') return [`${at}${item.parked ? ', parked' : ''}`]
  if (item.currentRunId !== null) return [`${at} and still has run ${item.currentRunId}`]
  if (item.parked) return [`${at} and parked`]
  return []
}

/** What must hold once everything is at rest. */
export function checkEnd(world: World): void {
  const { kernel, db, forge } = world
  for (const item of db.items) {
    if (item.status === 'failed' && !item.failureMessage) kernel.violated(`item ${item.id} failed without a word`)
    if (item.status === 'needs_input' && !item.question) kernel.violated(`item ${item.id} asks nothing`)
    if (item.status !== 'completed') continue
    const pull = forge.pulls.find((one) => one.number === item.pullNumber)
    if (pull?.itemId !== item.id) kernel.violated(`item ${item.id} is completed without a pull request of its own`)
  }
  const wrong = replayDiffers(db)[0]
  if (wrong !== undefined) kernel.violated(`events do not rebuild the items: ${wrong}`)
}
