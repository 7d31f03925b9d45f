import { z } from 'zod'

/** One verify command, run once in a clean worktree. */
export const CheckResult = z.object({
  command: z.string(),
  /** null when a signal or the time limit ended it. */
  exitCode: z.number().int().nullable(),
  durationMs: z.number().nonnegative(),
  timedOut: z.boolean().default(false),
  /** The last 8 KiB of stdout and stderr together, as text. */
  outputTail: z.string(),
  /** Test counts where the output of a known runner gave them. */
  tests: z
    .object({ passed: z.number().int(), failed: z.number().int(), skipped: z.number().int() })
    .nullable()
    .default(null),
  /** What counted them: JUnit files that the check wrote, or the output of a known runner. Absent where there are no counts. */
  counted: z.enum(['junit', 'output']).optional(),
})
export type CheckResult = z.infer<typeof CheckResult>

/** Something about the change itself that blocks it (or is to be shown to a reviewer). */
export const IntegrityFinding = z.object({
  rule: z.enum([
    'empty_diff',
    'dirty_tree',
    'not_on_base',
    'test_deleted',
    'test_skipped',
    'test_emptied',
    'fewer_tests',
    'check_weakened',
    'coverage_lowered',
    'lock_violated',
    'ci_changed',
    'protected_file',
  ]),
  path: z.string().nullable(),
  message: z.string(),
  blocking: z.boolean(),
  /** The spec asks for this very change by name: it does not block, and a person has to look at it. */
  asked: z.boolean().default(false),
})
export type IntegrityFinding = z.infer<typeof IntegrityFinding>

/** What a clean room measured at base and at head. `passed` is the only word that decides. */
export const VerifyReport = z.object({
  baseSha: z.string(),
  headSha: z.string(),
  base: z.array(CheckResult),
  head: z.array(CheckResult),
  findings: z.array(IntegrityFinding),
  diff: z.object({ files: z.number().int(), insertions: z.number().int(), deletions: z.number().int() }),
  passed: z.boolean(),
  /** One sentence: why it passed or did not. */
  reason: z.string(),
})
export type VerifyReport = z.infer<typeof VerifyReport>
