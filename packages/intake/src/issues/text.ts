import { checkSpec, issueToSpec, parseSpec, visibleText, withoutComments } from '@factory/shared'

/**
 * Characters. GitHub's own limit is 65,536; other forges allow more, and what fits into a spec is taken
 * whole, so that no task at the end of a long issue is lost.
 */
export const MAX_BODY = 250_000
const MAX_TITLE = 300
const CUT_NOTE = '\n\n(The issue is longer than this; the rest was cut.)'

/**
 * Stands between an issue's own words and the answers added to them. Comments are cut out of issue
 * bodies, and what looks like one of ours in a code fence is broken, so nobody can write it there.
 */
const ANSWERS_MARK = '\n\n<!-- factory:answers -->\n'

/** What a work item is made of: either the issue's own checklist, or its prose for a spec run. */
export type IssueText = { title: string; kind: 'spec' | 'description'; text: string }

/** An answer of a person to the item's question. */
export type Reply = { login: string; text: string }

/**
 * An issue as text for an agent. What its reader cannot see (comments, control, invisible and
 * direction-changing characters) is not in it: a person who labels an issue vouches for what he saw.
 */
export function issueText(title: string, body: string): IssueText {
  const name = visibleText(title).replace(/\s+/g, ' ').trim().slice(0, MAX_TITLE).trim() || 'Untitled issue'
  const clean = withoutComments(visibleText(cut(body))).replaceAll('<!-- factory:', '<!-- ').trim()
  const spec = issueToSpec(name, clean)
  if (spec !== null && canBeWorkedOff(spec)) return { title: name, kind: 'spec', text: spec }
  return { title: name, kind: 'description', text: clean ? `# ${name}\n\n${clean}` : `# ${name}` }
}

/** A checklist that is too large, or all ticked already, goes to a spec run, which can ask. */
function canBeWorkedOff(markdown: string): boolean {
  const spec = parseSpec(markdown)
  return checkSpec(spec).length === 0 && spec.tasks.some((task) => !task.done)
}

function cut(body: string): string {
  if (body.length <= MAX_BODY) return body
  // Half a surrogate pair at the cut is dropped by visibleText.
  return body.slice(0, MAX_BODY) + CUT_NOTE
}

/** Does the item still say what the issue says? Answers added behind the issue's words do not count. */
export function saysTheSame(known: string | null, text: string): boolean {
  return known !== null && ownWords(known).trim() === text.trim()
}

/** An item's text without the answers behind it: the issue's words as they were taken. */
export function ownWords(known: string): string {
  const at = known.lastIndexOf(ANSWERS_MARK)
  return at === -1 ? known : known.slice(0, at)
}

/** The issue's words with the answers that the item has already, and the new ones, behind them. */
export function withReplies(text: string, known: string | null, question: string | null, replies: readonly Reply[]): string {
  const earlier = known === null ? '' : known.slice(ownWords(known).length + ANSWERS_MARK.length).trim()
  const asked = question && replies.length > 0 ? [`The factory asked:\n\n${quote(cleanReply(question))}`] : []
  // A crash after the edit and before the retry brings the same answers again.
  const fresh = [...asked, ...replies.map((reply) => `Answer by ${reply.login}:\n\n${quote(cleanReply(reply.text))}`)].filter((part) => !earlier.includes(part))
  if (!earlier && fresh.length === 0) return text
  return text + ANSWERS_MARK + [earlier || '## Notes', ...fresh].join('\n\n')
}

function cleanReply(text: string): string {
  return withoutComments(visibleText(text.slice(0, 10_000))).trim()
}

function quote(text: string): string {
  return text
    .split('\n')
    .map((line) => `> ${line}`.trimEnd())
    .join('\n')
}
