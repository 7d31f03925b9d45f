import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { withoutMentions } from './mentions.ts'

test.each([
  ['@/etc/passwd', '\\@/etc/passwd'],
  ['see @../.env and\n@"a b.txt"', 'see \\@../.env and\n\\@"a b.txt"'],
  ['。@notes.md', '。\\@notes.md'],
  ['see @@/etc/passwd', 'see \\@\\@/etc/passwd'],
  ['mail a@b.org, 5 @ 3', 'mail a@b.org, 5 @ 3'],
  ['\\@done', '\\@done'],
])('%j', (prompt, expected) => {
  expect(withoutMentions(prompt)).toBe(expected)
})

test('leaves nothing that the CLI would look at, and takes nothing away', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('@', '\\', ' ', '\n', '\u00a0', '。', 'a', '/', '"') }), (text) => {
      const safe = withoutMentions(text)
      expect(safe).not.toMatch(/(^|[\s。、！？])@\S/u)
      expect(safe.replaceAll('\\', '')).toBe(text.replaceAll('\\', ''))
    }),
  )
})
