import { expect, test } from 'bun:test'
import { MessagesRequest, readConversation } from './conversation.ts'

const read = (messages: unknown, more: object = {}) => readConversation(MessagesRequest.parse({ model: 'm', messages, ...more }))

test('the prompt is what a person said last, without reminders and tool results', () => {
  const talk = read(
    [
      { role: 'user', content: [{ type: 'text', text: '<system-reminder>\n - Primary working directory: /work space/a\n</system-reminder>' }, { type: 'text', text: 'Do it' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'ok' }] },
      { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'Bash', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: '3 pass<system-reminder>x</system-reminder>' }] }] },
    ],
    { system: [{ type: 'text', text: 'Be good' }], metadata: { user_id: 's1' } },
  )
  expect(talk).toEqual({ key: 's1\nDo it', model: 'm', system: 'Be good', prompt: 'Do it', result: '3 pass', turn: 1, cwd: '/work space/a' })
})

test('an older CLI names its directory in the system text', () => {
  expect(read([{ role: 'user', content: 'hi' }], { system: '<env>\nWorking directory: /workspace\n</env>' })).toMatchObject({ cwd: '/workspace', prompt: 'hi', turn: 0 })
})

test('a later prompt replaces the first, in the same conversation', () => {
  const first = read([{ role: 'user', content: 'one' }])
  const later = read([{ role: 'user', content: 'one' }, { role: 'assistant', content: 'a' }, { role: 'user', content: 'two' }])
  expect(later).toMatchObject({ prompt: 'two', turn: 1, key: first.key })
})
