import type { OutcomeCode } from '@factory/shared'
import { failWith, type Ending } from '../ending.ts'
import { diskFullMessage, filledByRun, saysDiskFull } from './full.ts'
import { freeBytes, isOutOfSpace, writtenSince } from './measure.ts'

/** A disk before the agent began. `at`: wall clock, milliseconds. `free`: null where nobody can say. */
export type DiskBefore = { at: number; free: number | null }

export const lookAtDisk = async (path: string, wall: () => number): Promise<DiskBefore> => ({ at: wall(), free: await freeBytes(path) })

/** Ends that a full disk looks like when nobody names it: tools fail, iterations come to nothing. */
const DISGUISES: readonly OutcomeCode[] = ['internal', 'stuck', 'limit_reached', 'base_unverifiable']

/**
 * How the run ends when a full disk is behind its end; null: none is. A disk that others filled, or that
 * was too small from the start, is our loss; one that the run filled itself is a limit it ran into.
 */
export async function judgeDisk(ending: Ending, before: DiskBefore, dirs: readonly string[]): Promise<Ending | null> {
  if ((ending.call !== 'fail' && ending.call !== 'stuck') || !DISGUISES.includes(ending.body.outcome.code)) return null
  const { code, message } = ending.body.outcome
  const full = (await Promise.all(dirs.map(isOutOfSpace))).includes(true)
  if (!full && !(code === 'internal' && saysDiskFull(message))) return null
  const written = await writtenSince(dirs, before.at)
  if (before.free === null || !filledByRun({ written, free: before.free })) return failWith('disk_full', diskFullMessage(message))
  return failWith('limit_reached', `the run filled the worker's disk itself: it wrote ${inMiB(written)} where ${inMiB(before.free)} were free: ${message}`)
}

const inMiB = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`
