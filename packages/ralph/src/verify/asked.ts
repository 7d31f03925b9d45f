import type { IntegrityFinding, Spec } from '@factory/shared/ralph'
import type { Found } from './facts.ts'
import { nameOf } from './paths.ts'

const REMOVE = 'remove|delete|drop|retire|discard|eliminate|get rid of|rename|replace|move|rewrite|merge|split|migrate|convert|consolidate|clean up'
const MUTE = 'skip|disable|ignore|quarantine|mute|suspend|deactivate|exclude'
const LESSEN = 'lower|reduce|decrease|relax|loosen|weaken|lessen'
const ALTER = 'change|update|edit|modify|adjust|alter|set|switch|point'

/** What a spec has to say about a thing, in the words of which one asks for this very finding. */
const VERBS: Partial<Record<IntegrityFinding['rule'], string>> = {
  test_deleted: REMOVE,
  fewer_tests: REMOVE,
  test_emptied: `${REMOVE}|empty|stub`,
  test_skipped: `${MUTE}|focus|mark`,
  check_weakened: `${REMOVE}|${MUTE}|${LESSEN}|${ALTER}`,
  coverage_lowered: `${REMOVE}|${LESSEN}|${ALTER}|disable`,
  ci_changed: `${REMOVE}|${MUTE}|${LESSEN}|${ALTER}|add|create|extend|fix|write`,
}

/** Other verbs of specs: what they govern is theirs, and not that of a verb further away. */
const OTHERS = 'add|create|extend|keep|fix|implement|cover|write|make|let|use|run|pass|support|document|introduce|ensure|verify|check|preserve|leave|read|see|follow|call|expose|return|export|import|include|build|improve|refactor|mention|update|change|edit|modify|adjust'

/**
 * Findings that the spec asks for by name become ones for a person to look at: a task or a criterion
 * has to name the thing (its path, the last part of it, its folder, or the test) as what is to be
 * removed, skipped, lowered … A mere mention asks for nothing, and neither does a "do not".
 */
export function markAsked(findings: readonly Found[], spec: Pick<Spec, 'tasks' | 'acceptance'>): Found[] {
  const sentences = [...spec.tasks.map((task) => task.text), ...spec.acceptance].flatMap((text) => text.split(/(?<=[.;!?])\s+|\n/))
  const marked = findings.map((finding): Found => {
    const verbs = VERBS[finding.rule]
    if (!verbs || finding.path === null) return finding
    const asked = sentences.some((sentence) => inScope(sentence, finding) && asks(sentence, verbs, finding))
    return asked ? { ...finding, asked: true, blocking: false } : finding
  })
  return explained(marked)
}

const inScope = (sentence: string, { scope }: Found): boolean => scope.length === 0 || scope.some((word) => new RegExp(`(?<![\\w-])${escape(word)}(?![\\w-])`, 'i').test(sentence))

/** Fewer executed tests are asked for when what was asked for explains every one that is missing. */
function explained(findings: readonly Found[]): Found[] {
  const asked = findings.filter((finding) => finding.asked && ['test_deleted', 'test_skipped', 'fewer_tests'].includes(finding.rule))
  const lost = asked.reduce((sum, finding) => sum + finding.lost, 0)
  const explains = (gone: string): boolean => asked.some(({ rule, path, names }) => (rule === 'test_deleted' ? standsIn(gone, path ?? '') : names.some((name) => name !== path && gone.endsWith(name))))
  return findings.map((finding) => {
    if (finding.rule !== 'fewer_tests' || finding.path !== null || asked.length === 0) return finding
    const known = finding.names.length > 0 && finding.names.length >= finding.lost
    return (known ? finding.names.every(explains) : false) || finding.lost <= lost ? { ...finding, asked: true, blocking: false } : finding
  })
}

/** Runners name a test's place by its file, its module or its class. */
function standsIn(test: string, path: string): boolean {
  const stem = path.replace(/\.[^./]+$/, '')
  return [path, stem.replaceAll('/', '.'), nameOf(stem)].some((place) => new RegExp(`(?<![\\w])${escape(place)}(?![\\w])`).test(test))
}

function asks(sentence: string, verbs: string, finding: Found): boolean {
  return occurrences(sentence, finding).some(({ start, end }) => governedBefore(sentence.slice(0, start), verbs) || governedAfter(sentence.slice(end), verbs))
}

/** "Delete the old `a.test.ts`": the nearest verb before it is one of these, and nobody says not to. */
function governedBefore(before: string, verbs: string): boolean {
  const nearest = [...before.matchAll(new RegExp(`(?<![\\w-])(?:(${forms(verbs)})|${forms(OTHERS)})(?![\\w-])`, 'gi'))].filter((match) => !isName(before, match)).at(-1)
  if (!nearest?.[1]) return false
  const between = before.slice(nearest.index + nearest[0].length)
  // "Replace the parser in src/a.ts": what stands after these words is where, or with what.
  if (/\b(?:in|from|with|by|per|using|like|as|for|against|without|until|so|that|which|because|than|except|but|not|like|instead of)\b/i.test(between)) return false
  return !/(?:\bnot|n't|\bnever|\bwithout|\bno|\bavoid|\binstead of|\brather than)(?:\s+\w+){0,2}\s*$/i.test(before.slice(0, nearest.index))
}

/** "`a.test.ts` is removed", "should be skipped". */
function governedAfter(after: string, verbs: string): boolean {
  return new RegExp(`^["'\`*)]*(?:\\s+(?:file|test|tests|suite|script|target|setting|threshold|floor))?\\s+(?:is|are|was|were|gets?|has been|have been|can be|may be|must be|should be|shall be|will be|to be|is to be|are to be)\\s+(?:now\\s+|then\\s+)?(?:${forms(verbs, true)})\\b`, 'i').test(after)
}

/** A verb and how it ends; "delete" also as deleting, deleted. */
function forms(verbs: string, participles = false): string {
  return verbs
    .split('|')
    .flatMap((verb) => {
      const bare = verb.replace(/e$/, '')
      const last = verb.at(-1) ?? ''
      const done = [verb.endsWith('e') ? `${verb}d` : `${verb}ed`, `${verb}${last}ed`, verb.replace(/y$/, 'ied')]
      const special = verb === 'rewrite' ? ['rewritten'] : ['set', 'split'].includes(verb) ? [verb] : []
      return participles ? [...done, ...special] : [verb, `${verb}s`, `${bare}ing`, `${verb}${last}ing`]
    })
    .map(escape)
    .join('|')
}

/** A word inside of a path, a name or quotes is no verb: `check.sh`, "test". */
function isName(text: string, match: RegExpExecArray): boolean {
  const around = `${text[match.index - 1] ?? ' '}${text[match.index + match[0].length] ?? ' '}`
  return /[/.`"'_]/.test(around.charAt(0)) || /[/_`]/.test(around.charAt(1)) || /^\.\w/.test(text.slice(match.index + match[0].length, match.index + match[0].length + 2))
}

/** Where a sentence names the thing. */
function occurrences(sentence: string, finding: Found): { start: number; end: number }[] {
  const paths = finding.names.filter((name) => name === finding.path)
  const titles = finding.names.filter((name) => name !== finding.path && isTelling(name))
  return [
    ...paths.flatMap((path) => [...sentence.matchAll(/[\p{L}\p{N}_@.+/-]*[\p{L}\p{N}_/]/gu)].filter((match) => namesPath(match[0], path)).map((match) => ({ start: match.index, end: match.index + match[0].length }))),
    ...titles.flatMap((title) => [...sentence.matchAll(new RegExp(`(?<![\\p{L}\\p{N}_.-])${escape(title).replace(/\s+/g, '\\s+')}(?![\\p{L}\\p{N}_-])`, 'giu'))].filter((match) => isQuoted(sentence, match, title)).map((match) => ({ start: match.index, end: match.index + match[0].length }))),
  ]
}

/** The path, the end of it, or a folder of at least two parts that holds it. */
function namesPath(word: string, path: string): boolean {
  const name = word.replace(/^\.\//, '')
  if (name === path || (name.includes('.') && (path.endsWith(`/${name}`) || nameOf(path) === name))) return true
  const folder = name.replace(/\/+$/, '')
  return folder.includes('/') && path.startsWith(`${folder}/`)
}

/** A short word says nothing by itself. */
const isTelling = (name: string): boolean => name.trim().length >= 4

/** A single ordinary word counts as a name only in quotes; test_foo, TestFoo and several words do without. */
function isQuoted(sentence: string, match: RegExpExecArray, title: string): boolean {
  if (/[\s_]|[a-z][A-Z]|\d/.test(title.trim())) return true
  return /["'`“‘]/.test(sentence[match.index - 1] ?? '') && /["'`”’]/.test(sentence[match.index + match[0].length] ?? '')
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
