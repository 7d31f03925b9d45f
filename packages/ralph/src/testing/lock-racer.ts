import { appendFileSync, closeSync, openSync, readFileSync, rmSync, statSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { z } from 'zod'
import { takeLock } from '../progress/lock.ts'

/**
 * For the test of the lock: a process that takes it. `hold` keeps it for ever; `race` takes it again and
 * again until all racers together took it 400 times, says so on stdout when another one was inside, and
 * every other time leaves it as one that died leaves it.
 * Usage: bun lock-racer.ts FILE hold | FILE race INSIDE TAKEN
 */
export const LOCK_RACER: string = import.meta.path

const [file = '', mode, inside = '', taken = ''] = process.argv.slice(2)
const Lock = z.looseObject({ pid: z.number() })

async function race(): Promise<void> {
  for (let times = 0; (statSync(taken, { throwIfNoEntry: false })?.size ?? 0) < 400; times += 1) {
    const lock = await takeLock(file, String(process.pid))
    if (!('release' in lock)) {
      await turn()
      continue
    }
    enter()
    appendFileSync(taken, '.')
    await turn()
    rmSync(inside, { force: true })
    if (times % 2 === 0) await lock.release()
    else await playDead()
  }
}

function enter(): void {
  try {
    closeSync(openSync(inside, 'wx'))
  } catch {
    console.log('two holders')
  }
}

/** The lock as a dead process leaves it, put there at once: nobody sees it half written. */
async function playDead(): Promise<void> {
  const mine = `${file}.${process.pid}.dead`
  await writeFile(mine, JSON.stringify({ ...Lock.parse(JSON.parse(readFileSync(file, 'utf8'))), pid: 2 ** 30 }))
  await rename(mine, file)
}

if (import.meta.main && mode === 'race') await race()
if (import.meta.main && mode === 'hold') {
  await takeLock(file, 'holder')
  setInterval(() => undefined, 1000)
}
