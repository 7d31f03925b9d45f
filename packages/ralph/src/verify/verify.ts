import type { VerifyReport } from '@factory/shared'
import { readChanges } from './diff.ts'
import { inspect } from './integrity.ts'
import { toReport, type Measured } from './judge.ts'
import { measure, type Checks, type Room } from './room.ts'

/** Measures head against what base gave. The diff is looked at first: an empty one needs no test run. */
export async function verifyHead(room: Room, given: { baseSha: string; headSha: string; base: Measured; checks: Checks; allowUnchecked: boolean }): Promise<VerifyReport> {
  const { baseSha, headSha, base, checks, allowUnchecked } = given
  const { diff, ...changes } = await readChanges(room.git, baseSha, headSha)
  const empty = changes.changes.length === 0
  const head: Measured = empty ? { setup: null, checks: [] } : await measure(room, headSha, checks)
  const findings = inspect({ ...changes, base: base.checks, head: head.checks })
  return toReport({ baseSha, headSha, base, head, findings, diff, allowUnchecked })
}

/** Why base cannot serve to compare with, or null when it can. */
export function unusableBase(base: Measured): string | null {
  if (base.setup) return `the setup command \`${base.setup.command}\` fails at base: ${lastLines(base.setup.outputTail)}`
  if (base.checks.length > 0 && base.checks.every((check) => check.timedOut)) return 'no verify command ends within its time limit at base'
  return null
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-5).join('\n').slice(0, 1000)
