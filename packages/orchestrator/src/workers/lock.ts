import type { LockResponse } from '@factory/shared'
import type { Context } from '../context.ts'
import { quietly } from '../transact.ts'
import { acquireLocks } from '../locks/acquire.ts'
import { releaseLocks } from '../locks/release.ts'
import type { RunRef } from './refs.ts'
import { speakFor } from './speak.ts'

export async function lockPaths(ctx: Context, ref: RunRef, paths: readonly string[]): Promise<LockResponse> {
  const { run } = await quietly(ctx, (tx) => speakFor(tx, ref))
  return acquireLocks(ctx, { repo: run.repo, runId: run.id, itemId: run.item_id }, paths)
}

export async function unlockPaths(ctx: Context, ref: RunRef, paths: readonly string[]): Promise<number> {
  const { run } = await quietly(ctx, (tx) => speakFor(tx, ref))
  return releaseLocks(ctx, { repo: run.repo, runId: run.id, itemId: run.item_id }, paths)
}
