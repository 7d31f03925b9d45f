import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { addUp } from './collect.ts'
import { parseJunit } from './parse.ts'

// As the runners write them, shortened.
const PYTEST = `<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="0" failures="1" skipped="2" tests="4" time="0.03"><testcase classname="tests.test_a.TestA" name="test_adds[1-2]" time="0.001" /><testcase classname="tests.test_a" name="test_fails" time="0.001"><failure message="assert 1 == 2">def test_fails(): &gt; assert 1 == 2</failure></testcase><testcase classname="tests.test_a" name="test_later" time="0.000"><skipped type="pytest.skip" message="later">x</skipped></testcase><testcase classname="tests.test_a" name="test_xfails" time="0.001"><skipped type="pytest.xfail" message="" /></testcase></testsuite></testsuites>`
const NODE = `<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n\t<testsuite name="s" tests="3" skipped="2">\n\t\t<testcase name="x" time="0.0009" classname="test"/>\n\t\t<testcase name="y &lt;&amp;&quot;" classname="test">\n\t\t\t<skipped type="skipped" message="true"/>\n\t\t</testcase>\n\t\t<testcase name="z" classname="test">\n\t\t\t<skipped type="todo" message="true"/>\n\t\t</testcase>\n\t</testsuite>\n\t<testcase name="fails" classname="test" failure="1 == 2">\n\t\t<failure type="testCodeFailure" message="1 == 2">\n[Error [ERR_TEST_FAILURE]: 1 == 2]\n\t\t</failure>\n\t</testcase>\n\t<!-- tests 4 -->\n</testsuites>\n`
const SUREFIRE = `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="3.0" name="com.acme.ATest" tests="3" errors="1" skipped="1" failures="0">\n  <properties><property name="java.version" value="17"/></properties>\n  <testcase name="adds" classname="com.acme.ATest" time="0.02"/>\n  <testcase name="later" classname="com.acme.ATest"><skipped message="later"/></testcase>\n  <testcase name="breaks" classname="com.acme.ATest"><error type="java.lang.Error"><![CDATA[at <init>]]></error><system-out>x</system-out></testcase>\n</testsuite>`

describe('reads', () => {
  test('pytest', () =>
    expect(parseJunit(PYTEST)).toEqual([
      { name: 'tests.test_a.TestA > test_adds[1-2]', state: 'passed' },
      { name: 'tests.test_a > test_fails', state: 'failed' },
      { name: 'tests.test_a > test_later', state: 'skipped' },
      { name: 'tests.test_a > test_xfails', state: 'skipped' },
    ]))
  test('node:test', () => expect(parseJunit(NODE)?.map(({ name, state }) => `${state} ${name}`)).toEqual(['passed s > x', 'skipped s > y <&"', 'skipped s > z', 'failed fails']))
  test('Maven and Gradle', () => expect(parseJunit(SUREFIRE)?.map(({ name, state }) => `${state} ${name}`)).toEqual(['passed com.acme.ATest > adds', 'skipped com.acme.ATest > later', 'failed com.acme.ATest > breaks']))
  test('a suite without tests', () => expect(parseJunit('<testsuites/>')).toEqual([]))
})

describe('takes for no report', () => {
  test.each<[string, string]>([
    ['other XML', '<project><testsuite/></project>'],
    ['no XML', 'testsuite'],
    ['nothing', ''],
    ['one that is cut off', PYTEST.slice(0, 400)],
    ['an entity of its own', `<!DOCTYPE x [<!ENTITY a "aaaa">]><testsuite><testcase name="&a;"/></testsuite>`],
    ['one from outside', `<!DOCTYPE testsuite SYSTEM "file:///etc/passwd"><testsuite><testcase name="a"/></testsuite>`],
    ['an unknown entity', '<testsuite><testcase name="&a;"/></testsuite>'],
    ['endless depth', '<testsuite>'.repeat(5000) + '</testsuite>'.repeat(5000)],
  ])('%s', (_name, text) => expect(parseJunit(text)).toBeNull())
})

test('any text is a report or none', () => {
  const parts = fc.array(fc.constantFrom('<testsuites>', '</testsuites>', '<testsuite name="a">', '</testsuite>', '<testcase name="x"/>', '<testcase name="y">', '</testcase>', '<skipped/>', '<failure>', '</failure>', '<![CDATA[', ']]>', '<!--', '-->', '&lt;', '&#x0;', '<?x', '"', ' ', '\u0000', 'é'), { maxLength: 40 })
  fc.assert(fc.property(parts, (given) => {
    const tests = parseJunit(given.join(''))
    expect(tests === null || tests.every(({ state }) => ['passed', 'failed', 'skipped'].includes(state))).toBe(true)
  }))
  fc.assert(fc.property(fc.nat(PYTEST.length), fc.string({ unit: 'binary', maxLength: 3 }), (at, noise) => void parseJunit(PYTEST.slice(0, at) + noise + PYTEST.slice(at))))
})

test('the same test in two files ran once, in one file as often as it stands there', () => {
  const one = { name: 'a', state: 'passed' } as const
  const skipped = { name: 'b', state: 'skipped' } as const
  expect(addUp([[one, one, skipped], [one]])).toEqual({ counts: { passed: 2, failed: 0, skipped: 1 }, executed: ['a'] })
  expect(addUp([])).toEqual({ counts: { passed: 0, failed: 0, skipped: 0 }, executed: [] })
})
