import { isTerminalWork, type EditWork, type Priority, type WorkStatus } from '@factory/shared'
import { hasLabel, stateLabels, type LabelNames } from '../labels.ts'
import type { Issue } from './issue.ts'
import { ownWords, saysTheSame, withReplies, type IssueText, type Reply } from './text.ts'

/**
 * Why an issue may start work. `author`: its author is on the allow-list. `label`: he is not, but
 * somebody else put the trigger on. On GitHub only people with triage rights can label, so that is
 * an act of trust in the text as it stood then; a label that came with an issue template is put on
 * by the author himself and counts for nothing. `none`: nobody vouches for it.
 *
 * With `label`, text that the author writes afterwards is not followed: nobody vouched for that.
 */
export type Trust = 'author' | 'label' | 'none'

/** The issue as seen, with what was derived from it. */
export type Seen = { issue: Issue; text: IssueText; priority: Priority | null; trust: Trust; replies: Reply[]; triggers: string[] }

/** What the orchestrator knows of it. */
export type Known = {
  status: WorkStatus
  title: string
  spec: string | null
  description: string | null
  priority: Priority
  question: string | null
  /** Has a build run started? From then on the text is fixed. */
  built: boolean
  /** Was the issue told of the item's newest revision? Then its labels are the item's. */
  reported: boolean
}

export type Action =
  | { kind: 'create'; reason: string }
  | { kind: 'edit'; change: EditWork; reason: string }
  | { kind: 'cancel'; reason: string }
  | { kind: 'retry'; reason: string }
  /** Put labels and comment right. */
  | { kind: 'report'; reason: string }
  | { kind: 'none'; reason: string }

/** What to do about one issue, from what was seen and what is known. */
export function select(seen: Seen, known: Known | null, labels: LabelNames): Action[] {
  const { issue } = seen
  const open = issue.state === 'open'
  const triggered = seen.triggers.some((trigger) => hasLabel(issue.labels, trigger))

  if (known === null) {
    if (!open) return none('the issue is closed')
    if (!triggered) return none(`the issue has no label ${labels.trigger}`)
    if (seen.trust === 'none') return none(distrust(issue))
    return [{ kind: 'create', reason: `labelled ${labels.trigger}` }]
  }

  if (known.status === 'completed') return triggered && known.reported ? report('a pull request is open already: the work is not done twice') : none('a pull request is open')

  if (isTerminalWork(known.status)) {
    if (!open) return none('the issue is closed')
    if (!triggered) return none(`${known.status}; waits for the label ${labels.trigger}`)
    if (hasLabel(issue.labels, labels.failed)) return none(`${known.status}; remove the label ${labels.failed} to retry`)
    // Until our labels are on it, a trigger may be the old one that we were about to take off.
    if (!known.reported) return none(`${known.status}, and the issue does not say so yet`)
    if (seen.trust === 'none') return none(distrust(issue))
    const reason = `labelled ${labels.trigger} again`
    return [...newWords(seen, known, reason), ...newPriority(seen, known), { kind: 'retry', reason }]
  }

  if (!open) return [{ kind: 'cancel', reason: 'the issue was closed' }]
  const marked = stateLabels(labels).some((label) => hasLabel(issue.labels, label))
  // An item taken up again elsewhere has no label either until the issue was told.
  if (!triggered && !marked && known.reported) return [{ kind: 'cancel', reason: `the labels ${labels.trigger} and ${labels.working} were taken off` }]

  const followed = seen.trust === 'author' && !known.built
  if (known.status === 'needs_input') {
    const edited = followed ? newWords(seen, known, 'the issue was edited') : []
    if (edited.length === 0 && seen.replies.length === 0) return none('waits for an answer')
    const reason = seen.replies.length > 0 ? 'the question was answered' : 'the issue was edited'
    return [...(seen.replies.length > 0 ? newAnswers(seen, known, reason) : edited), { kind: 'retry', reason }]
  }

  const changes = followed ? [...newWords(seen, known, 'the issue was edited'), ...newPriority(seen, known)] : []
  if (changes.length > 0) return changes
  if (triggered && known.reported) return report(`is ${known.status} already`)
  return none(known.built ? 'work has begun' : `is ${known.status}`)
}

/** The issue's words where the item has others. A title counts by the first line that it makes. */
function newWords({ text: { kind, text, title } }: Seen, known: Known, reason: string): Action[] {
  const mine = kind === 'spec' ? known.spec : known.description
  if (saysTheSame(mine, text)) return []
  const words = withReplies(text, mine, null, [])
  // A checklist replaces earlier prose, too: going back to that prose must be seen as a change.
  const prose = kind === 'spec' && known.description !== null ? { description: words } : {}
  return [{ kind: 'edit', change: { title, [kind]: words, ...prose }, reason }]
}

/** The answers behind the words: the issue's, or the item's own where nobody vouches for the newer ones. */
function newAnswers({ text: { kind, text }, trust, replies }: Seen, known: Known, reason: string): Action[] {
  if (trust === 'author') return [{ kind: 'edit', change: { [kind]: withReplies(text, kind === 'spec' ? known.spec : known.description, known.question, replies) }, reason }]
  const [field, mine] = known.description === null ? (['spec', known.spec] as const) : (['description', known.description] as const)
  return mine === null ? [] : [{ kind: 'edit', change: { [field]: withReplies(ownWords(mine), mine, known.question, replies) }, reason }]
}

function newPriority({ priority }: Seen, known: Known): Action[] {
  return priority === null || priority === known.priority ? [] : [{ kind: 'edit', change: { priority }, reason: `its labels say ${priority}` }]
}

function distrust({ author }: Issue): string {
  return `its author ${author.login} (${author.association}) is not on the allow-list, and nobody else put the label on`
}

const none = (reason: string): Action[] => [{ kind: 'none', reason }]
const report = (reason: string): Action[] => [{ kind: 'report', reason }]
