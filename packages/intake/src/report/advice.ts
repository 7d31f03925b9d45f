import type { OutcomeCode } from '@factory/shared'
import type { LabelNames } from '../labels.ts'

/** What a person can do about a failure; the retry itself is said once, behind it. */
const ADVICE = {
  done: '',
  verify_failed: 'Look at the checks above. If the task is right, say more precisely in the issue what must hold.',
  stuck: 'The task may be too large or unclear: split it, or write the missing knowledge into the issue.',
  limit_reached: 'Split the task, or raise the limits of this repository in `.factory.yml` or of the factory.',
  usage_limit: 'The account’s usage limit is reached; it opens again by itself.',
  auth: 'The model refused the factory’s credential or its billing: check `ANTHROPIC_API_KEY` or `CLAUDE_CODE_OAUTH_TOKEN`.',
  bad_spec: 'Write the tasks as a checklist (`- [ ] …`) that says what must be true at the end.',
  base_unverifiable: 'The repository’s own checks do not run on its base branch: mend them, or name the right ones under `verify` in `.factory.yml`.',
  lock_conflict: 'Other work holds the same files: wait until it is done.',
  needs_input: 'Answer the question in a comment.',
  repository_not_found: 'Check that the repository exists and that the factory’s token may see it (a fine-grained token must list the repository).',
  repository_forbidden: 'The factory’s token lacks a right here: it needs *Contents: read and write*, *Pull requests: read and write* and *Issues: read and write* (a classic token: the scope `repo`). For changes below `.github/workflows` also *Workflows*.',
  repository_unreachable: 'GitHub or the network did not answer. Try again later.',
  repository_empty: 'The repository has no commit yet: push a first one.',
  bad_factory_yml: 'Mend `.factory.yml` on the base branch as said above.',
  setup_failed: 'The setup commands fail in a fresh checkout: mend them, or name the right ones under `setup` in `.factory.yml`.',
  push_refused: 'The work could not be pushed: check branch rules and the token’s right *Contents: read and write*.',
  egress_refused: 'Whoever runs the factory must add these hosts to `EGRESS_ALLOW`.',
  image_unusable: 'Check `image` in `.factory.yml`: it must be a glibc image with git that the engine can pull.',
  start_failed: 'The worker could not be started: `factory doctor` says what is missing on the machine.',
  worker_exited: 'The worker ended without a word, often for lack of memory.',
  disk_full: 'The disk under the worker is full: free space on its machine, or give workers more of it.',
  lease_expired: 'The worker fell silent, often because its machine went away.',
  cancelled: '',
  killed: '',
  restored: '',
  internal: 'This is the factory’s own defect. Its log says more.',
} as const satisfies Record<OutcomeCode, string>

export function advice(code: string, labels: LabelNames): string {
  const known: Readonly<Record<string, string>> = ADVICE
  const retry = `To try again, remove the label \`${labels.failed}\` and add \`${labels.trigger}\`.`
  return [known[code] ?? '', retry].filter(Boolean).join(' ')
}
