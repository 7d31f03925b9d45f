import type { CheckResult, IntegrityFinding } from '@factory/shared'
import { z } from 'zod'

export type Change = { status: 'A' | 'M' | 'D' | 'R' | 'T'; path: string; from: string | null }
export type Patch = { path: string; added: string[]; removed: string[] }
export type Manifest = { path: string; base: string | null; head: string | null }

export type ChangeFacts = {
  onBase: boolean
  changes: readonly Change[]
  /** Changed lines of test files. */
  patches: readonly Patch[]
  /** Changed package.json files. */
  manifests: readonly Manifest[]
  base: readonly CheckResult[]
  head: readonly CheckResult[]
}

const CODE = /\.(?:[cm]?[jt]sx?|py|go|rs|java|kt|kts|scala|rb|php|swift|cs|ex|exs|sh|bats)$/
const TEST_NAME = /[._-](?:test|spec)s?\.[^./]+$|^tests?\.[^./]+$|_test\.(?:go|py|rs|rb|exs)$|^test_[^/]*\.py$|(?:Test|Tests|IT|Spec)\.(?:java|kt|scala|cs|php)$/
const TEST_FOLDER = /(?:^|\/)(?:tests?|__tests__|e2e)\//

/** Whether a path holds tests, by the conventions of the common languages. */
export function isTestPath(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return CODE.test(name) && (TEST_NAME.test(name) || TEST_FOLDER.test(path))
}

const CI = /^(?:\.github\/workflows\/|\.gitlab-ci\.yml$|\.circleci\/|\.buildkite\/|azure-pipelines\.ya?ml$|Jenkinsfile$|\.travis\.yml$|bitbucket-pipelines\.yml$|\.woodpecker)/

const SKIPS: readonly { files: RegExp; marks: RegExp }[] = [
  {
    files: /\.[cm]?[jt]sx?$/,
    marks: /\b(?:it|test|describe|suite|context|bench)(?:\.\w+)*\.(?:skip|only|todo|failing|fixme|skipIf|todoIf)\b|\b(?:xit|xtest|xdescribe|fit|fdescribe)\s*\(|\b(?:skip|todo|only)\s*:\s*(?:true\b|['"`])|\b(?:t|this|ctx)\.skip\(/,
  },
  { files: /\.py$/, marks: /\bpytest\.mark\.(?:skip|skipif|xfail)\b|\bpytest\.(?:skip|xfail|importorskip)\(|@(?:unittest\.)?(?:skip|skipIf|skipUnless|expectedFailure)\b|\.skipTest\(/ },
  { files: /\.go$/, marks: /\b\w+\.(?:Skip|Skipf|SkipNow)\(/ },
  { files: /\.rs$/, marks: /#\[\s*ignore\b|#\[\s*cfg_attr\(.*ignore/ },
  { files: /\.(?:java|kt|scala)$/, marks: /@(?:Disabled\w*|Ignore)\b/ },
  { files: /\.rb$/, marks: /^\s*(?:xit|xdescribe|pending|skip)\b/ },
]

/** What the change itself says against it. Pure: facts in, findings out. */
export function inspect(facts: ChangeFacts): IntegrityFinding[] {
  const findings: IntegrityFinding[] = []
  const add = (rule: IntegrityFinding['rule'], path: string | null, message: string, blocking = true) => findings.push({ rule, path, message, blocking, asked: false })
  if (!facts.onBase) add('not_on_base', null, 'the work does not stand on the base commit')
  if (facts.changes.length === 0) add('empty_diff', null, 'nothing was changed')
  for (const change of facts.changes) {
    if (change.status === 'D' && isTestPath(change.path)) add('test_deleted', change.path, `the test file ${change.path} was deleted`)
    if (change.status === 'R' && change.from && isTestPath(change.from) && !isTestPath(change.path)) add('test_deleted', change.from, `the test file ${change.from} was renamed to ${change.path}, which no runner takes for a test`)
    if (CI.test(change.path) || (change.from && CI.test(change.from))) add('ci_changed', change.path, `the CI file ${change.path} was changed`, false)
    if (change.status === 'A' && /^(?:\.ai\/|SPEC\.md$)/.test(change.path)) add('protected_file', change.path, `${change.path} belongs to the run and not to the repository`)
  }
  for (const patch of facts.patches) {
    const marks = SKIPS.find((entry) => entry.files.test(patch.path))?.marks
    if (!marks || !isTestPath(patch.path)) continue
    const added = patch.added.filter((line) => marks.test(line))
    if (added.length > patch.removed.filter((line) => marks.test(line)).length) add('test_skipped', patch.path, `tests are skipped, focused or marked as expected to fail in ${patch.path}: ${(added[0] ?? '').trim().slice(0, 200)}`)
  }
  for (const manifest of facts.manifests) weakened(manifest, add)
  for (const head of facts.head) {
    const before = facts.base.find((check) => check.command === head.command)?.tests
    if (!before || !head.tests) continue
    const was = before.passed + before.failed
    const is = head.tests.passed + head.tests.failed
    if (is < was) add('fewer_tests', null, `\`${head.command}\` ran ${is} tests; at base it ran ${was}`)
  }
  return findings
}

const Scripts = z.looseObject({ scripts: z.record(z.string(), z.unknown()).optional() })
const WATCHED = /^(?:pre|post)?(?:test|lint|typecheck|check|verify|coverage)(?::.*)?$/

/** A script that was there at base and that checks something must still do what it did. */
function weakened(manifest: Manifest, add: (rule: IntegrityFinding['rule'], path: string | null, message: string, blocking?: boolean) => unknown): void {
  const before = scriptsOf(manifest.base)
  const after = scriptsOf(manifest.head)
  if (!after && before) return void add('check_weakened', manifest.path, `${manifest.path} is gone or cannot be read`)
  for (const [name, was] of Object.entries(before ?? {})) {
    const is = after?.[name]
    if (!WATCHED.test(name) || typeof was !== 'string' || was === is) continue
    // "bun test" → "bun run build && bun test" does at least what it did.
    const grown = typeof is === 'string' && is.includes(was) && !/\|\||;|--passWithNoTests|--pass-with-no-tests/.test(is.replace(was, ''))
    add('check_weakened', manifest.path, `the script "${name}" of ${manifest.path} was changed from ${JSON.stringify(was)} to ${JSON.stringify(is ?? null)}`, !grown)
  }
}

function scriptsOf(text: string | null): Record<string, unknown> | null {
  if (text === null) return null
  try {
    const parsed = Scripts.safeParse(JSON.parse(text))
    return parsed.success ? (parsed.data.scripts ?? {}) : null
  } catch {
    return null
  }
}
