import { parseSpec, type IntegrityFinding } from '@factory/shared/ralph'
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { markAsked } from './asked.ts'
import { found, type Found } from './facts.ts'

const specOf = (...tasks: string[]) => parseSpec(`# T\n\n${tasks.map((task) => `- [ ] ${task}`).join('\n')}\n`)
const asked = (finding: Found, ...tasks: string[]): boolean => markAsked([finding], specOf(...tasks))[0]?.asked ?? false

const DELETED = found('test_deleted', 'tests/legacy/old.test.ts', 'deleted', { names: ['tests/legacy/old.test.ts'], lost: 2 })
const GONE = found('fewer_tests', 'tests/test_a.py', 'gone', { names: ['test_rounding_mode', 'tests/test_a.py'], lost: 1 })
const EMPTIED = found('test_emptied', 'src/a.test.ts', 'emptied', { names: ['adds two numbers', 'src/a.test.ts'] })
const SKIPPED = found('test_skipped', 'src/a.test.ts', 'skipped', { names: ['adds', 'src/a.test.ts'], lost: 1 })
const SCRIPT = found('check_weakened', 'package.json', 'script', { names: ['test script', 'script test', '"test" script', '`test` script', 'package.json'], scope: ['test'] })
const SETTING = found('check_weakened', 'jest.config.js', 'setting', { names: ['testPathIgnorePatterns', 'jest.config.js'] })
const FLOOR = found('coverage_lowered', 'jest.config.js', 'lowered', { names: ['lines', 'jest.config.js', 'coverage threshold'], scope: ['coverage', 'threshold', 'coverageThreshold'] })
const CI = found('ci_changed', '.github/workflows/ci.yml', 'changed', { names: ['.github/workflows/ci.yml', 'CI workflow', 'CI', 'workflow', 'pipeline'] })

describe('asked for by name', () => {
  test.each<[string, Found]>([
    ['Update the CI workflow so that it runs on pull requests', CI],
    ['Add a job to .github/workflows/ci.yml', CI],
    ['Delete tests/legacy/old.test.ts', DELETED],
    ['Delete `old.test.ts`, nothing uses it', DELETED],
    ['Remove the parser and its test tests/legacy/old.test.ts', DELETED],
    ['Remove src/old.ts and tests/legacy/old.test.ts', DELETED],
    ['Drop everything below tests/legacy/', DELETED],
    ['Rename legacy/old.test.ts to new.test.ts', DELETED],
    ['Clean up by deleting old.test.ts', DELETED],
    ['`tests/legacy/old.test.ts` is removed', DELETED],
    ['Delete update.ts and old.test.ts', DELETED],
    ['The file tests/legacy/old.test.ts has to go: tests/legacy/old.test.ts should be deleted', DELETED],
    ['Add a new parser. Then delete old.test.ts.', DELETED],
    ['Remove test_rounding_mode from tests/test_a.py', GONE],
    ['Rewrite the test "adds two numbers"', EMPTIED],
    ['Rewrite src/a.test.ts on the new harness', EMPTIED],
    ['Skip the test "adds" until the service is back', SKIPPED],
    ['Disable `adds` for now', SKIPPED],
    ['Mark a.test.ts as skipped', SKIPPED],
    ['Change the test script of package.json to `vitest run`', SCRIPT],
    ['Switch the `test` script to vitest', SCRIPT],
    ['Update jest.config.js to the new preset', SETTING],
    ['Lower the coverage threshold to 70', FLOOR],
    ['The coverage threshold should be lowered to 70', FLOOR],
    ['Reduce the coverage floor of jest.config.js', FLOOR],
  ])('%s', (task, finding) => {
    expect(asked(finding, task)).toBe(true)
    expect(markAsked([finding], specOf(task))).toMatchObject([{ asked: true, blocking: false }])
    expect(markAsked([finding], parseSpec(`- [ ] something else\n\n## Acceptance criteria\n\n- ${task}\n`))).toMatchObject([{ asked: true }])
  })
})

describe('not asked for', () => {
  test.each<[string, Found]>([
    ['Add tests to tests/legacy/old.test.ts', DELETED],
    ['Fix the bug that tests/legacy/old.test.ts shows', DELETED],
    ['Remove the legacy parser and update tests/legacy/old.test.ts', DELETED],
    ['Remove dead code; keep tests/legacy/old.test.ts', DELETED],
    ['Do not delete tests/legacy/old.test.ts', DELETED],
    ['Refactor without removing old.test.ts', DELETED],
    ['Never remove old.test.ts', DELETED],
    ['Remove the duplicate helper in tests/legacy/old.test.ts', DELETED],
    ['Remove the duplication that old.test.ts has', DELETED],
    ['Delete the old files', DELETED],
    ['Remove all tests', DELETED],
    ['Delete tests/legacy/older.test.ts', DELETED],
    ['Delete src/old.test.ts', DELETED],
    ['Delete very-old.test.ts', DELETED],
    ['Remove legacy', DELETED],
    ['Skip tests/legacy/old.test.ts', DELETED],
    ['Make test_rounding_mode pass', GONE],
    ['Remove test_rounding_mode_fast', GONE],
    ['The function adds two numbers and drops the rest', EMPTIED],
    ['Make sure it adds', SKIPPED],
    ['Delete src/a.test.ts', SKIPPED],
    ['Change the version in package.json', SCRIPT],
    ['Change the build script of package.json', SCRIPT],
    ['Keep the test script of package.json', SCRIPT],
    ['Make the coverage report prettier', FLOOR],
    ['Do not lower the coverage threshold', FLOOR],
    ['Raise the coverage threshold', FLOOR],
    ['Change jest.config.js to ESM', FLOOR],
  ])('%s', (task, finding) => expect(asked(finding, task)).toBe(false))

  test('what stands in goal and notes asks for nothing', () => {
    expect(markAsked([DELETED], parseSpec('# T\n\nDelete tests/legacy/old.test.ts\n\n- [ ] do it\n\n## Notes\n\nDelete tests/legacy/old.test.ts\n'))).toMatchObject([{ asked: false, blocking: true }])
  })
  test.each<IntegrityFinding['rule']>(['empty_diff', 'not_on_base', 'dirty_tree', 'lock_violated', 'protected_file'])('%s can be asked for by nobody', (rule) => {
    expect(asked(found(rule, 'a.test.ts', 'x', { names: ['a.test.ts'] }), 'Delete, change, skip a.test.ts')).toBe(false)
  })
})

describe('fewer executed tests', () => {
  const fewer = (lost: number, ...names: string[]) => found('fewer_tests', null, 'fewer', { lost, names })
  const rule = (findings: readonly Found[], task: string) => markAsked(findings, specOf(task)).at(-1)?.asked
  test('are asked for with the file that held them', () => {
    expect(rule([DELETED, fewer(2)], 'Delete old.test.ts')).toBe(true)
    expect(rule([DELETED, fewer(3)], 'Delete old.test.ts')).toBe(false)
    expect(rule([DELETED, fewer(2)], 'Add something')).toBe(false)
    expect(rule([fewer(1)], 'Delete old.test.ts')).toBe(false)
  })
  test('by names, where they are known, however many a table makes of one', () => {
    const file = found('test_deleted', 'tests/test_old.py', 'deleted', { names: ['tests/test_old.py'], lost: 1 })
    expect(rule([file, fewer(3, 'tests.test_old > a[1]', 'tests.test_old > a[2]', 'tests.test_old > a[3]')], 'Delete tests/test_old.py')).toBe(true)
    expect(rule([file, fewer(3, 'tests.test_old > a[1]', 'tests.test_old > a[2]', 'tests.test_new > b')], 'Delete tests/test_old.py')).toBe(false)
  })
})

describe('properties', () => {
  const words = fc.array(fc.constantFrom('delete', 'remove', 'skip', 'disable', 'change', 'lower', 'the', 'test', 'tests', 'file', 'all', 'of', 'a.test.ts', 'src/', '`', '"', 'and', 'not', 'coverage', 'package.json', '.', 'is', 'removed'), { maxLength: 14 }).map((parts) => parts.join(' '))
  test('no finding is excused by a spec that does not name it', () =>
    fc.assert(
      fc.property(words, fc.constantFrom<IntegrityFinding['rule']>('test_deleted', 'test_skipped', 'test_emptied', 'fewer_tests', 'check_weakened', 'coverage_lowered'), (task, rule) => {
        const finding = found(rule, 'tests/deep/unnamed_thing.py', 'x', { names: ['tests/deep/unnamed_thing.py', 'test_unheard_of'] })
        expect(markAsked([finding], specOf(task || 'x'))).toEqual([finding])
      }),
    ))
  test('and a spec with nothing but mentions excuses none', () =>
    fc.assert(fc.property(fc.constantFrom('Add tests to', 'Fix', 'Read', 'See', 'Keep', 'Extend', 'Make it pass:', ''), fc.constantFrom('tests/legacy/old.test.ts', 'old.test.ts', '`old.test.ts`'), (verb, name) => expect(asked(DELETED, `${verb} ${name}`)).toBe(false))))
  test('only asked and blocking are touched, nothing is lost', () =>
    fc.assert(fc.property(words, (task) => {
      const given = [DELETED, GONE, EMPTIED, SKIPPED, SCRIPT, SETTING, FLOOR]
      expect(markAsked(given, specOf(task || 'x')).map(({ asked: _asked, blocking: _blocking, ...rest }) => rest)).toEqual(given.map(({ asked: _asked, blocking: _blocking, ...rest }) => rest))
    })))
})
