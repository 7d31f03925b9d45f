import { describe, expect, test } from 'bun:test'
import { WORK_STATUSES, isTerminalWork } from '@factory/shared'
import * as fc from 'fast-check'
import { labelNames } from '../labels.ts'
import { select, type Action, type Known, type Seen } from './select.ts'
import { issueText, withReplies } from './text.ts'

const labels = labelNames('ai-factory')
const TRIGGER = labels.trigger
const author = { login: 'ada', association: 'MEMBER' }

function seen(over: Partial<Omit<Seen, 'issue'>> & { labels?: string[]; state?: 'open' | 'closed'; body?: string } = {}): Seen {
  const { labels: on = [TRIGGER], state = 'open', body = 'Please mend it.', ...rest } = over
  const issue = { repo: 'o/r', number: 1, title: 'Mend it', body, state, labels: on, author, url: 'https://x/o/r/issues/1', updatedAt: '2026-01-01T00:00:00Z' }
  return { issue, text: issueText(issue.title, body), priority: null, trust: 'author', replies: [], triggers: [TRIGGER], ...rest }
}

const text = issueText('Mend it', 'Please mend it.').text
const known = (over: Partial<Known> = {}): Known => ({ status: 'drafting', title: 'Mend it', spec: null, description: text, priority: 'medium', question: null, built: false, reported: true, ...over })
const kinds = (actions: Action[]) => actions.map(({ kind }) => kind)

const working = [labels.working]
const asked = known({ status: 'needs_input', question: 'Which one?' })
const reply = { login: 'ada', text: 'The second.' }

describe('an issue without an item', () => {
  test.each([
    ['labelled', seen(), ['create']],
    ['labelled in other letters', seen({ labels: ['AI-Factory'] }), ['create']],
    ['labelled by the repository’s own trigger', seen({ labels: ['ready'], triggers: [TRIGGER, 'ready'] }), ['create']],
    ['not labelled', seen({ labels: ['bug'] }), ['none']],
    ['closed', seen({ state: 'closed' }), ['none']],
    ['by somebody unknown', seen({ trust: 'none' }), ['none']],
    ['by somebody unknown, labelled by another', seen({ trust: 'label' }), ['create']],
  ] as const)('%s', (_name, issue, expected) => expect(kinds(select(issue, null, labels))).toEqual([...expected]))
})

describe('an issue with an item', () => {
  test.each([
    ['done is done', seen({ labels: [labels.pr] }), known({ status: 'completed' }), ['none']],
    ['done and labelled again: shown, not done twice', seen({ labels: [labels.pr, TRIGGER] }), known({ status: 'completed' }), ['report']],
    ['failed, left alone', seen({ labels: [labels.failed] }), known({ status: 'failed' }), ['none']],
    ['failed, labelled without taking :failed off', seen({ labels: [labels.failed, TRIGGER] }), known({ status: 'failed' }), ['none']],
    ['failed, labelled again', seen(), known({ status: 'failed' }), ['retry']],
    ['failed, labelled again with new words', seen({ body: 'Other words.' }), known({ status: 'failed', built: true }), ['edit', 'retry']],
    ['failed, the old trigger still there because nobody was told', seen(), known({ status: 'failed', reported: false }), ['none']],
    ['failed, labelled again and closed', seen({ state: 'closed' }), known({ status: 'failed' }), ['none']],
    ['failed, labelled again by an unknown author', seen({ trust: 'none' }), known({ status: 'failed' }), ['none']],
    ['cancelled, labelled again', seen(), known({ status: 'cancelled' }), ['retry']],
    ['active and closed', seen({ state: 'closed', labels: working }), known({ status: 'in_progress', built: true }), ['cancel']],
    ['active, all labels taken off', seen({ labels: ['bug'] }), known({ status: 'queued' }), ['cancel']],
    ['active, not labelled yet', seen({ labels: [] }), known({ status: 'queued', reported: false }), ['none']],
    ['active, trigger still there', seen(), known({ status: 'queued', reported: false }), ['none']],
    ['active, trigger put on again', seen({ labels: [TRIGGER, ...working] }), known({ status: 'in_progress', built: true }), ['report']],
    ['drafting, new words', seen({ labels: working, body: 'Other.' }), known(), ['edit']],
    ['drafting, new words of somebody unknown', seen({ labels: working, body: 'Other.', trust: 'none' }), known(), ['none']],
    ['building, new words', seen({ labels: working, body: 'Other.' }), known({ status: 'in_progress', built: true }), ['none']],
    ['queued, new priority', seen({ labels: working, priority: 'high' }), known({ status: 'queued' }), ['edit']],
    ['queued, same priority', seen({ labels: working, priority: 'medium' }), known({ status: 'queued' }), ['none']],
    ['asked, nothing said', seen({ labels: [labels.needsInfo] }), asked, ['none']],
    ['asked, answered', seen({ labels: [labels.needsInfo], replies: [reply] }), asked, ['edit', 'retry']],
    ['asked, edited', seen({ labels: [labels.needsInfo], body: 'The second one.' }), asked, ['edit', 'retry']],
    ['asked, edited by somebody unknown', seen({ labels: [labels.needsInfo], body: 'The second one.', trust: 'none' }), asked, ['none']],
    ['asked, labels taken off', seen({ labels: [] }), asked, ['cancel']],
    ['asked, closed', seen({ labels: [labels.needsInfo], state: 'closed', replies: [reply] }), asked, ['cancel']],
  ] as const)('%s', (_name, issue, item, expected) => expect(kinds(select(issue, item, labels))).toEqual([...expected]))

  test('an edit carries the new words, as checklist or as prose', () => {
    const prose = select(seen({ labels: working, body: 'Other.' }), known(), labels)
    expect(prose).toEqual([{ kind: 'edit', change: { title: 'Mend it', description: '# Mend it\n\nOther.' }, reason: 'the issue was edited' }])
    const list = select(seen({ labels: working, body: '- [ ] one' }), known(), labels)
    expect(list).toMatchObject([{ kind: 'edit', change: { title: 'Mend it', spec: '# Mend it\n\n- [ ] one\n' } }])
  })

  test('from prose to a checklist and back to the same prose are two changes', () => {
    const item = known({ status: 'queued' })
    for (const action of select(seen({ labels: working, body: '- [ ] one' }), item, labels)) if (action.kind === 'edit') Object.assign(item, action.change)
    expect(kinds(select(seen({ labels: working, body: '- [ ] one' }), item, labels))).toEqual(['none'])
    expect(select(seen({ labels: working }), item, labels)).toMatchObject([{ kind: 'edit', change: { description: text } }])
  })

  test('a spec drafted from the words is no change of the words', () => {
    expect(kinds(select(seen({ labels: working }), known({ status: 'queued', spec: '# Drafted\n\n- [ ] x', title: 'Drafted' }), labels))).toEqual(['none'])
  })

  test('answers stand behind the words; where nobody vouches for new words, behind the old ones', () => {
    const vouched = select(seen({ labels: [labels.needsInfo], body: 'New and evil.', trust: 'none', replies: [reply] }), asked, labels)
    expect(vouched).toMatchObject([{ kind: 'edit', change: { description: withReplies(text, text, 'Which one?', [reply]) } }, { kind: 'retry' }])
    expect(JSON.stringify(vouched)).not.toContain('evil')
  })

  test('an answered item is not edited back to the words without the answers', () => {
    const answered = known({ description: withReplies(text, text, 'Which one?', [reply]) })
    expect(kinds(select(seen({ labels: working }), answered, labels))).toEqual(['none'])
    expect(JSON.stringify(select(seen({ labels: working, body: 'Other.' }), answered, labels))).toContain('The second.')
  })
})

const anySeen = fc.record({
  labels: fc.subarray([TRIGGER, labels.working, labels.pr, labels.failed, labels.needsInfo, 'bug']),
  state: fc.constantFrom('open' as const, 'closed' as const),
  body: fc.constantFrom('Please mend it.', 'Other.', '- [ ] one'),
  trust: fc.constantFrom('author' as const, 'label' as const, 'none' as const),
  replies: fc.array(fc.constant(reply), { maxLength: 1 }),
  priority: fc.constantFrom(null, 'high' as const),
})
const anyKnown = fc.record({ status: fc.constantFrom(...WORK_STATUSES), built: fc.boolean(), reported: fc.boolean() })

describe('whatever is seen', () => {
  test('completed work is never touched, closed issues never start any, and nothing is created twice', () => {
    fc.assert(
      fc.property(anySeen, anyKnown, (over, item) => {
        const found = kinds(select(seen(over), known(item), labels))
        expect(found).not.toContain('create')
        expect(found.length).toBeGreaterThan(0)
        if (item.status === 'completed') expect(found.every((kind) => kind === 'none' || kind === 'report')).toBe(true)
        if (over.state === 'closed' && item.status !== 'completed') expect(found).toEqual([isTerminalWork(item.status) ? 'none' : 'cancel'])
        if (isTerminalWork(item.status)) expect(found).not.toContain('cancel')
        if (item.built && item.status !== 'needs_input' && !isTerminalWork(item.status)) expect(found).not.toContain('edit')
      }),
    )
  })

  test('words that nobody vouches for never reach an item', () => {
    fc.assert(
      fc.property(anySeen, fc.option(anyKnown, { nil: null }), (over, item) => {
        const actions = select(seen({ ...over, body: 'evil', trust: 'none' }), item === null ? null : known(item), labels)
        expect(JSON.stringify(actions)).not.toContain('evil')
        expect(kinds(actions)).not.toContain('create')
      }),
    )
  })

  test('doing what was chosen leaves nothing to do', () => {
    fc.assert(
      fc.property(anySeen, anyKnown, (over, item) => {
        const before = known(item)
        const after = { ...before, reported: false }
        for (const action of select(seen(over), before, labels)) {
          if (action.kind === 'cancel') after.status = 'cancelled'
          if (action.kind === 'retry') after.status = 'drafting'
          if (action.kind === 'edit') Object.assign(after, action.change)
        }
        const again = select(seen({ ...over, replies: [] }), after, labels)
        if (kinds(again).some((kind) => kind !== 'none' && kind !== 'cancel')) {
          // Only an item that has just begun may still follow the issue: once.
          expect(before.status === 'failed' || before.status === 'cancelled' || before.status === 'needs_input').toBe(true)
        }
      }),
    )
  })
})
