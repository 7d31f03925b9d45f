import type { Run, VerifyReport } from '@factory/shared'
import { listWorkers } from '../workers/read.ts'
import { newInFlight, tick } from '../scheduler/tick.ts'
import type { TestContext } from './test-context.ts'

export const SPEC = '# Add a greeting\n\n## Tasks\n\n- [ ] write greet()\n- [ ] test it\n\n## Verify\n\n```sh\nbun test\n```\n'
export const BASE = 'a'.repeat(40)
export const HEAD = 'b'.repeat(40)

export const passed: VerifyReport = {
  baseSha: BASE,
  headSha: HEAD,
  base: [],
  head: [{ command: 'bun test', exitCode: 0, durationMs: 10, timedOut: false, outputTail: 'ok', tests: null }],
  findings: [],
  diff: { files: 1, insertions: 2, deletions: 0 },
  passed: true,
  reason: 'all checks passed',
}

/** Ticks until everything that a tick sets in motion has been carried out and nothing more follows. */
export async function settleDown(ctx: TestContext): Promise<void> {
  const inFlight = newInFlight()
  for (let round = 0; round < 10; round++) {
    const before = ctx.runtime.calls.length
    await tick(ctx, inFlight)
    await Promise.all(inFlight.all)
    if (round > 0 && ctx.runtime.calls.length === before) return
  }
}

/** The one live run. */
export async function liveRun(ctx: TestContext): Promise<Run> {
  const runs = await listWorkers(ctx, { live: true, limit: 10 })
  const run = runs[0]
  if (!run || runs.length > 1) throw new Error(`expected one live run, found ${runs.length}`)
  return run
}
