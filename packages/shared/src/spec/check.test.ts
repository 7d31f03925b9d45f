import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { adviseSpec, checkSpec, locateSpec, parseSpec } from '../spec.ts'
import { cannotFail, vagueness } from './vague.ts'

const FINE = '# T\n\n## Tasks\n\n- [ ] `a()` returns 1\n\n## Verify\n\n```sh\nbun test\n```\n'

/** All that is found, as "line code". */
function lint(markdown: string): string[] {
  const [spec, places] = [parseSpec(markdown), locateSpec(markdown)]
  return [...checkSpec(spec, places), ...adviseSpec(spec, places)].map(({ line, code }) => `${line} ${code}`)
}

describe('points at the line', () => {
  test.each<[string, string, string[]]>([
    ['nothing to say', FINE, []],
    ['empty', '', ['1 empty', '1 no_title', '1 no_verify']],
    ['no tasks', '# T\n\nDo it.\n', ['3 no_tasks', '3 no_verify']],
    ['a spec in a fence', '# T\n\n```markdown\n- [ ] `a` is 1\n```\n\n## Verify\n- `bun test`\n', ['4 no_tasks']],
    ['a spec in a comment', '# T\n<!--\n- [ ] `a` is 1\n-->\n## Verify\n- `bun test`\n', ['3 no_tasks']],
    ['criteria alone', '# T\n## Acceptance criteria\n- it is\n- [ ] done\n## Verify\n- `bun test`\n', ['4 no_tasks']],
    ['everything in a fence', '```\n# T\n- [ ] `a` is 1\n```', ['3 no_tasks', '1 no_title', '4 no_verify']],
    ['too many', `# T\n${Array.from({ length: 501 }, (_, index) => `- [ ] \`task${index}\` is done\n`).join('')}\`\`\`\n\`\`\`\n## Verify\n- \`bun test\``, ['502 too_many_tasks']],
    ['too long', `${FINE.replace('## Verify', `- [ ] \`b\` ${'is so long '.repeat(400)}\n\n## Verify`)}`, ['7 task_too_long']],
    ['an empty section for commands', '# T\n- [ ] `a` is 1\n\n## Verify\n\nby hand\n', ['4 no_verify']],
    ['commands that cannot fail', FINE.replace('bun test', 'bun test\nbun test || true\n  echo ok\nbun \\\n  lint | tee log'), ['11 weak_verify', '12 weak_verify', '13 weak_verify']],
    ['duplicates', FINE.replace('\n\n## Verify', '\n- [ ] `b` is 2\n- [ ]  `A()`  RETURNS 1\n\n## Verify'), ['7 duplicate_task']],
    ['nested', FINE.replace('\n\n## Verify', '\n  - [ ] `b` is 2\n\t- [ ] `c` is 3\n- [ ] `d` is 4\n## More\n  - [ ] `e` is 5\n\n## Verify'), ['6 nested_task', '7 nested_task']],
    ['all ticked', FINE.replace('[ ]', '[x]'), ['5 all_done']],
    ['vague', FINE.replace('`a()` returns 1', 'Improve the code'), ['5 vague_task']],
    ['a fence that is never closed', `${FINE}\n~~~\n- [ ] \`lost\` is lost\n`, ['13 open_fence']],
    ['CRLF', FINE.replace('`a()` returns 1', 'Improve it').replaceAll('\n', '\r\n'), ['5 vague_task']],
  ])('%s', (_name, markdown, expected) => expect(lint(markdown)).toEqual(expected))

  test('within the document, whatever it is, and each with words and a fix', () => {
    const line = fc.oneof(fc.constantFrom('# T', '## Verify', '## Acceptance criteria', '- [ ] do it', '  - [x] improve', '```', '~~~', '<!--', '-->', '- `true`', 'a || true \\', ''), fc.string({ maxLength: 20 }))
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), fc.constantFrom('\n', '\r\n', '\r'), (lines, end) => {
        const markdown = lines.join(end)
        const [spec, places] = [parseSpec(markdown), locateSpec(markdown)]
        expect([places.tasks.length, places.verify.length]).toEqual([spec.tasks.length, spec.verify.length])
        const all = markdown.split(/\r\n|\n|\r/)
        for (const found of [...checkSpec(spec, places), ...adviseSpec(spec, places)]) {
          expect(found.line).toBeGreaterThanOrEqual(1)
          expect(found.line).toBeLessThanOrEqual(Math.max(1, all.length))
          expect(found.message).toBe(`${found.what}: ${found.fix}`)
        }
        for (const place of places.tasks) expect(all[place.line - 1]).toMatch(/\[[ xX]\]/)
        // The same is refused with and without the lines.
        expect(checkSpec(spec).map(({ code }) => code)).toEqual(checkSpec(spec, places).map(({ code }) => code))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a task', () => {
  test.each([
    'Improve the performance', 'Refactor the router', 'Clean up', 'Clean up the code base', 'Fix the tests etc.', 'Handle errors and so on', 'Add routes, tests and more', 'TBD', 'Add the route (TODO)', 'Decide the format ???',
    'Should we use Redis?', 'Do it', 'Make it better', 'Support various formats', 'Optimise where needed', 'Document everything…', '<insert the steps here>',
  ])('nobody can verify: %s', (text) => expect(vagueness(text)).not.toBeNull())
  test.each([
    '`greet(name)` returns "Hello, NAME!"', 'Refactor src/router.ts so that each route has a file of its own', 'Improve start-up to less than 200 ms', 'Clean up temporary files when the process exits', 'Add a `--json?` flag', 'Remove the `TODO` comment parser',
    'Write a greeting', 'Serve the version at GET /version', 'something to do', 'Parse "etc." as an abbreviation like any other word', 'Delete the old client and its tests', 'The optimizer rejects empty input',
  ])('somebody can: %s', (text) => expect(vagueness(text)?.message ?? null).toBeNull())
})

describe('a verify command', () => {
  test.each(['true', ':', 'exit 0', 'echo done', 'printf ok', 'bun test || true', 'make check || :', 'npm test || echo failed', 'bun test; true', 'bun test && true', 'bun test | tee log', 'bun test 2>&1 | tail -5', 'bun test &'])('cannot fail: %s', (command) => expect(cannotFail(command)).not.toBeNull())
  test.each(['bun test', 'test ! -e broken', 'echo a | grep b', 'set -o pipefail; bun test | tee log', 'bun run lint && bun test', 'bun test 2>&1', 'a || b', 'true && bun test', 'echo "$(cat x)" && grep y x', './scripts/echo.sh', 'diff <(cat a) b', 'bun test || exit 1'])('can: %s', (command) => expect(cannotFail(command)).toBeNull())
})
