import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'bun:test'

const directory = mkdtempSync(join(tmpdir(), 'factory-count-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** What scripts/test.sh would add to its last line: "passed failed skipped". */
function count(report: string | null): string {
  const file = join(directory, 'junit.xml')
  rmSync(file, { force: true })
  if (report !== null) writeFileSync(file, report)
  const run = Bun.spawnSync(['bash', '-euo', 'pipefail', '-c', '. "$1"; count_junit "$2"; echo $TEST_PASSED $TEST_FAILED $TEST_SKIPPED', 'count', join(import.meta.dir, 'count.sh'), file])
  return run.stdout.toString().trim()
}

const suite = (cases: string) => `<?xml version="1.0"?>\n<testsuites tests="99" failures="99"><testsuite name="a">${cases}</testsuite></testsuites>`

describe('counting tests from the JUnit report', () => {
  test('every case is passed, failed or skipped, whatever the head of the file says', () => {
    expect(count(suite('<testcase name="a" /><testcase name="b"><failure type="E" message="x">y</failure></testcase><testcase name="c"><skipped /></testcase><testcase name="d"><error/></testcase><testcase name="e"></testcase>'))).toBe('2 2 1')
  })

  test('what stands in names and messages is not an element', () => {
    expect(count(suite('<testcase name="a &lt;failure> &lt;testcase b" /><testcase name="c"><failure message="&lt;skipped /> &lt;testcase ">&lt;failure></failure></testcase>'))).toBe('1 1 0')
  })

  test('no report, an empty one and one without cases count nothing', () => {
    for (const report of [null, '', suite('')]) expect(count(report)).toBe('0 0 0')
  })
})
