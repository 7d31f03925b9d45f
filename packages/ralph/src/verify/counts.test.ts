import { expect, test } from 'bun:test'
import { readCounts, type Counts } from './counts.ts'
import { signatureOf } from './signature.ts'

test.each<[string, string, Counts | null]>([
  ['bun', '\u001b[0m\n 31 pass\n 2 skip\n 1 todo\n 4 fail\n 464 expect() calls\nRan 38 tests across 1 file. [45.45s]\n', { passed: 31, failed: 4, skipped: 3 }],
  ['bun, one test', ' 1 pass\n 0 fail\nRan 1 test across 1 file. [1ms]', { passed: 1, failed: 0, skipped: 0 }],
  ['node', '# tests 4\n# suites 0\n# pass 2\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 0\n', { passed: 2, failed: 1, skipped: 1 }],
  ['node, spec reporter', 'ℹ tests 2\nℹ pass 2\nℹ fail 0\nℹ cancelled 0\nℹ skipped 0\nℹ todo 0\n', { passed: 2, failed: 0, skipped: 0 }],
  ['jest', 'Test Suites: 1 failed, 1 total\nTests:       1 failed, 2 skipped, 3 passed, 6 total\nSnapshots:   0 total\n', { passed: 3, failed: 1, skipped: 2 }],
  ['vitest', ' Test Files  1 failed | 1 passed (2)\n      Tests  1 failed | 2 passed | 1 skipped (4)\n', { passed: 2, failed: 1, skipped: 1 }],
  ['pytest', '=========== 1 failed, 2 passed, 3 skipped, 1 xfailed in 0.12s ===========\n', { passed: 2, failed: 1, skipped: 4 }],
  ['pytest -q', '..\n2 passed in 0.01s\n', { passed: 2, failed: 0, skipped: 0 }],
  ['pytest with errors', '===== 1 passed, 2 errors in 1.20s (0:00:01) =====', { passed: 1, failed: 2, skipped: 0 }],
  ['cargo, several crates', 'test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\ntest result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured\n', { passed: 4, failed: 2, skipped: 1 }],
  ['go -v', '=== RUN   TestA\n--- PASS: TestA (0.00s)\n    --- PASS: TestA/sub (0.00s)\n--- SKIP: TestB (0.00s)\n--- FAIL: TestC (0.00s)\nFAIL\n', { passed: 2, failed: 1, skipped: 1 }],
  ['go', 'ok  \texample.com/a\t0.003s\nFAIL\texample.com/b\t0.1s\n?   \texample.com/c\t[no test files]\n', { passed: 1, failed: 1, skipped: 0 }],
  ['maven', '[INFO] Tests run: 2, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.05 s -- in a.ATest\n[INFO] Tests run: 5, Failures: 1, Errors: 1, Skipped: 1\n', { passed: 2, failed: 2, skipped: 1 }],
  ['unittest', '..s\nRan 4 tests in 0.001s\n\nFAILED (failures=1, skipped=1)\n', { passed: 2, failed: 1, skipped: 1 }],
  ['mocha', '  3 passing (10ms)\n  1 pending\n  2 failing\n', { passed: 3, failed: 2, skipped: 1 }],
  ['anything else', 'all 12 tests passed, trust me\n', null],
])('%s', (_name, output, expected) => expect(readCounts(output, true)?.counts ?? null).toEqual(expected))

test('sums over an output whose beginning is missing are no counts; a last line is', () => {
  expect(readCounts('--- PASS: TestA (0.00s)\nok  \ta\t0.1s\n', false)).toBeNull()
  expect(readCounts('2 passed in 0.01s\n', false)).toEqual({ counts: { passed: 2, failed: 0, skipped: 0 }, ofTests: true })
})

test('packages are no tests', () => expect(readCounts('ok  \ta\t0.1s\n', true)).toEqual({ counts: { passed: 1, failed: 0, skipped: 0 }, ofTests: false }))

test('the same failure looks the same at another time and place; another does not', () => {
  const check = (outputTail: string, exitCode = 1) => ({ command: 'bun test', exitCode, durationMs: 1, timedOut: false, outputTail, tests: null })
  const a = signatureOf(check('error: expected 3 at /tmp/ralph-room-AbC1/work/a.ts:12\n(fail) adds [1.23ms]\nok'))
  expect(signatureOf(check('fine\nerror: expected 3 at /tmp/ralph-room-Xyz9/work/a.ts:12\n(fail) adds [9.87ms]'))).toBe(a)
  expect(signatureOf(check('error: expected 3 at /tmp/ralph-room-Xyz9/work/a.ts:12\n(fail) multiplies [9.87ms]'))).not.toBe(a)
  expect(signatureOf(check('', 0))).toBeNull()
})
