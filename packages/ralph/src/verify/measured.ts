import { CheckResult } from '@factory/shared/ralph'
import { z } from 'zod'

const Counts = z.object({ passed: z.number().int(), failed: z.number().int(), skipped: z.number().int() })

/** What one check ran, by both ways of knowing it; base and head are compared like with like. */
export const Ran = z.object({
  command: z.string(),
  /** From the output of a known runner; `ofTests` is false where it counted packages. */
  output: z.object({ counts: Counts, ofTests: z.boolean() }).nullable(),
  /** The whole output was read: that it holds no counts means that there are none. */
  whole: z.boolean(),
  /** From JUnit files written during the check; `executed` are at most {@link MAX_NAMES} names of tests that passed or failed. */
  junit: z.object({ counts: Counts, executed: z.array(z.string()) }).nullable(),
})
export type Ran = z.infer<typeof Ran>

/** Names kept of one check; of a longer run the counts alone are compared. */
export const MAX_NAMES = 5000

/** What one clean room gave: `setup` is the command that failed there, null when all went well. */
export const Measured = z.object({ setup: CheckResult.nullable(), checks: z.array(CheckResult), ran: z.array(Ran).optional() })
export type Measured = z.infer<typeof Measured>
