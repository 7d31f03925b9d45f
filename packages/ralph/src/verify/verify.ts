import type { Spec, VerifyReport } from '@factory/shared/ralph'
import { markAsked } from './asked.ts'
import { readChanges } from './diff.ts'
import { toFinding, type ChangeFacts } from './facts.ts'
import { inspectChange, inspectLine } from './integrity.ts'
import { toReport, type Measured } from './judge.ts'
import { commandsOf, measure, type Checks, type Room } from './room.ts'

export type HeadToVerify = {
  baseSha: string
  headSha: string
  base: Measured
  checks: Checks
  allowUnchecked: boolean
  /** The frozen spec: what it asks for by name does not block. */
  spec?: Pick<Spec, 'tasks' | 'acceptance'> | null
  /** See {@link dirtyPaths}; left out where no working tree is concerned. */
  dirty?: readonly string[]
}

/**
 * Measures head against what base gave: first that there is a diff that stands on base with nothing left
 * in the tree, then the checks, then what became of tests and checks. Where the first does not hold,
 * nothing is run.
 */
export async function verifyHead(room: Room, given: HeadToVerify): Promise<VerifyReport> {
  const { baseSha, headSha, base, checks, allowUnchecked } = given
  const commands = [...checks.setup, ...commandsOf(checks)]
  const { diff, ...changes } = await readChanges(room.git, baseSha, headSha, commands)
  const line = inspectLine({ ...changes, dirty: given.dirty ?? [] })
  const head: Measured = line.length > 0 ? { setup: null, checks: [] } : await measure(room, headSha, checks)
  const facts: ChangeFacts = { ...changes, dirty: given.dirty ?? [], base: base.checks, head: head.checks, ranBase: base.ran ?? [], ranHead: head.ran ?? [] }
  const change = inspectChange(facts)
  const findings = [...line, ...(given.spec ? markAsked(change, given.spec) : change)].map(toFinding)
  return toReport({ baseSha, headSha, base, head, findings, diff, required: checks.required ?? [], allowUnchecked })
}

/** Why base cannot serve to compare with, or null when it can. */
export function unusableBase(base: Measured): string | null {
  if (base.setup) return `the setup command \`${base.setup.command}\` fails at base: ${lastLines(base.setup.outputTail)}`
  if (base.checks.length > 0 && base.checks.every((check) => check.timedOut)) return 'no verify command ends within its time limit at base'
  return null
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-5).join('\n').slice(0, 1000)
