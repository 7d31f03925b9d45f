import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml'
import { z } from 'zod'
import { Priority } from './status.ts'

/** A longer file is not a description of a build. */
const MAX_BYTES = 65_536

const command = z.string().trim().min(1).max(4000)
const commands = z.array(command).max(50)
const minutes = z.number().positive().max(1440)
const label = z.string().trim().min(1).max(100)

/**
 * `.factory.yml`: what a repository says about itself. Read from the base commit only, never from the
 * branch under work, so that a run cannot change its own rules.
 *
 * ```yaml
 * image: node:22-bookworm        # any glibc image with git; default: the factory's own
 * base: main                     # branch that work starts from and goes to; default: the forge's
 * model: claude-sonnet-4-5       # default: the factory's
 * setup: [npm ci]                # before the first iteration; cached by lock file
 * verify: [npm run lint, npm test]
 * limits: { iterations: 20, cost_usd: 10, minutes: 120, iteration_minutes: 30, setup_minutes: 10, verify_minutes: 15 }
 * labels:
 *   trigger: [ready-for-ai]      # besides the factory's INTAKE_LABEL, these also start work
 *   priority: { outage: critical, bug: high, chore: low }   # several match: the most urgent counts
 * ```
 *
 * The `limits` can only lower what the factory allows, never raise it.
 */
export const FactoryYml = z.strictObject({
  image: z.string().regex(/^[a-z0-9][A-Za-z0-9._\-/:@]{0,254}$/, 'is not the name of an image').optional(),
  base: z.string().max(200).regex(/^(?!-)[A-Za-z0-9._/-]+$/, 'is not the name of a branch').optional(),
  model: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:@/[\]-]{0,99}$/, 'is not the name of a model').optional(),
  setup: commands.optional(),
  verify: commands.optional(),
  limits: z
    .strictObject({
      iterations: z.number().int().positive().max(1000).optional(),
      cost_usd: z.number().positive().max(10_000).optional(),
      minutes: minutes.optional(),
      iteration_minutes: minutes.optional(),
      setup_minutes: minutes.optional(),
      verify_minutes: minutes.optional(),
    })
    .optional(),
  labels: z
    .strictObject({
      trigger: z.array(label).max(20).optional(),
      priority: z.record(label, Priority).optional(),
    })
    .optional(),
})
export type FactoryYml = z.infer<typeof FactoryYml>

/** One thing wrong, where it stands and how to mend it. `path` is dotted ("limits.minutes"), empty for the whole file. */
export type FactoryYmlProblem = { line: number; path: string; problem: string; fix: string }
export type FactoryYmlResult = { ok: true; config: FactoryYml } | { ok: false; problems: FactoryYmlProblem[] }

const KEYS: Record<string, readonly string[]> = {
  '': ['image', 'base', 'model', 'setup', 'verify', 'limits', 'labels'],
  limits: ['iterations', 'cost_usd', 'minutes', 'iteration_minutes', 'setup_minutes', 'verify_minutes'],
  labels: ['trigger', 'priority'],
}

const FIXES: readonly (readonly [RegExp, string])[] = [
  [/^(setup|verify)$/, 'write a list of shell commands, such as "- npm test"'],
  [/^(setup|verify)\.\d+$/, 'write one shell command as text; put quotes around it when it contains ": " or " #"'],
  [/^image$/, 'write an image name such as node:22-bookworm'],
  [/^base$/, 'write a branch name such as main'],
  [/^model$/, 'write a model name such as claude-sonnet-4-5'],
  [/^limits$/, `write a map with some of ${KEYS['limits']?.join(', ')}`],
  [/^limits\.iterations$/, 'write a whole number from 1 to 1000'],
  [/^limits\.cost_usd$/, 'write an amount of US dollars above 0, such as 10'],
  [/^limits\./, 'write a number of minutes above 0 and up to 1440'],
  [/^labels$/, 'write a map with trigger and priority'],
  [/^labels\.trigger$/, 'write a list of labels, such as [ready-for-ai]'],
  [/^labels\.trigger\./, 'write a label as text of at most 100 characters'],
  [/^labels\.priority/, 'write label: priority, the priority being critical, high, medium or low'],
  [/^$/, 'write a map, such as "verify: [npm test]"'],
]

/** Never throws: what cannot be read comes back as problems with their lines. An empty file is valid. */
export function parseFactoryYml(text: string): FactoryYmlResult {
  if (text.length > MAX_BYTES) {
    return refuse([{ line: 1, path: '', problem: `the file has ${text.length} characters, more than ${MAX_BYTES}`, fix: 'move long commands into a script of the repository' }])
  }
  const lines = new LineCounter()
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const lineAt = (offset: number | undefined) => Math.max(1, lines.linePos(offset ?? 0).line)
  if (doc.errors.length > 0) {
    return refuse(doc.errors.map((error) => ({ line: lineAt(error.pos[0]), path: '', problem: `not valid YAML: ${error.message}`, fix: yamlFix(error.code) })))
  }
  let value: unknown
  try {
    value = doc.toJS({ maxAliasCount: 20 }) ?? {}
  } catch (error) {
    return refuse([{ line: 1, path: '', problem: `not usable YAML: ${error instanceof Error ? error.message : String(error)}`, fix: 'write the values out instead of using aliases' }])
  }
  const parsed = FactoryYml.safeParse(value)
  if (parsed.success) return { ok: true, config: parsed.data }
  return refuse(
    parsed.error.issues.flatMap((issue): FactoryYmlProblem[] => {
      const at = issue.path.map(String)
      if (issue.code === 'unrecognized_keys') {
        return issue.keys.map((key) => ({
          line: lineAt(offsetOf(doc, [...at, key])),
          path: [...at, key].join('.'),
          problem: `unknown key "${key}"`,
          fix: unknownFix(key, KEYS[at.join('.')] ?? []),
        }))
      }
      const path = at.join('.')
      return [{ line: lineAt(offsetOf(doc, at)), path, problem: `${path || 'the file'}: ${issue.message}`, fix: FIXES.find(([pattern]) => pattern.test(path))?.[1] ?? 'see the README' }]
    }),
  )
}

/** The problems as lines for people: `.factory.yml:3: unknown key "setpu"; did you mean "setup"?` */
export function renderFactoryYmlProblems(problems: readonly FactoryYmlProblem[]): string {
  return problems.map(({ line, problem, fix }) => `.factory.yml:${line}: ${problem}; ${fix}`).join('\n')
}

const refuse = (problems: FactoryYmlProblem[]): FactoryYmlResult => ({ ok: false, problems: problems.toSorted((a, b) => a.line - b.line) })

/** Where the key of the last path part stands; where it cannot be found, the nearest parent. */
function offsetOf(doc: Document.Parsed, path: readonly string[]): number | undefined {
  let node: unknown = doc.contents
  let offset = doc.contents?.range[0]
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === part)
      if (!pair) break
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[Number(part)]
      if (isNode(node)) offset = node.range?.[0] ?? offset
    } else break
  }
  return offset
}

function yamlFix(code: string): string {
  if (code === 'TAB_AS_INDENT') return 'indent with spaces, not tabs'
  if (code === 'DUPLICATE_KEY') return 'keep one of the two'
  return 'mend the indentation or put quotes around the value'
}

function unknownFix(key: string, known: readonly string[]): string {
  const squeezed = key.toLowerCase().replace(/[-_\s]/g, '')
  const near = known.find((name) => distance(name.replaceAll('_', ''), squeezed) <= 2)
  return near ? `did you mean "${near}"?` : `known here: ${known.join(', ')}`
}

/** Edits (insert, delete, replace) between two short words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length] ?? 0
}
