import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { compareTests } from './compare.ts'
import type { FileText } from './facts.ts'
import { languageOf } from './source/languages/index.ts'
import { openSource, readTests } from './source/read.ts'

const PATHS = { js: 'src/a.test.ts', py: 'tests/test_a.py', go: 'a_test.go', rs: 'src/a.rs', java: 'src/test/java/ATest.java', kt: 'src/test/kotlin/ATest.kt', rb: 'spec/a_spec.rb', conftest: 'conftest.py' }
type Kind = keyof typeof PATHS
const file = (kind: Kind, base: string | null, head: string | null): FileText => ({ path: PATHS[kind], from: null, base, head, unread: null })
const rulesOf = (kind: Kind, base: string | null, head: string | null): string[] => compareTests([file(kind, base, head)], false).map((finding) => finding.rule)

const JS = `import { expect, test } from 'bun:test'
describe('maths', () => {
  it('adds', async () => {
    const sum = add(1, 2) // it.skip would be easier
    expect(sum, 'sum').toBe(3)
  })
  it.each([[1, 2], [3, 4]])('doubles %d', (from, to) => expect(double(from)).toBe(to))
  test("keeps 'quotes' and .only words", () => { assert.deepEqual(parse(\`it.only(\${x})\`), /xit\\(/) })
})
`
const PY = `import pytest

def check(value):
    assert value.ok

class TestMaths:
    @pytest.mark.parametrize("a, b", [(1, 2), (3, 4)])
    def test_adds(self, a, b):
        """Never @pytest.mark.skip this."""
        result = add(
            a,
            b,
        )
        assert result == a + b, "sum"

    async def test_checks(self):
        check(await fetch())

def test_raises():
    with pytest.raises(ValueError):
        parse("# assert True")
`
const GO = `package maths

import "testing"

func TestAdd(t *testing.T) {
	for _, c := range cases {
		if got := Add(c.a, c.b); got != c.want {
			t.Errorf("Add() = %d, t.Skip() is no answer", got)
		}
	}
}

func TestSub(t *testing.T) {
	assert.Equal(t, 1, Sub(3, 2))
}
`
const RS = `pub fn add(a: i32, b: i32) -> i32 { a + b }

fn longest<'a>(x: &'a str) -> &'a str { x }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds() {
        // #[ignore]
        /* /* nested */ #[test] fn hidden() {} */
        assert_eq!(add(1, 2), 3, "it's a sum");
    }

    #[test]
    #[should_panic]
    fn panics() {
        add(i32::MAX, '"' as i32);
    }

    #[tokio::test]
    async fn waits() {
        let text = r#"say "hi" #[ignore]"#;
        assert!(run(text).await.is_ok());
    }
}
`
const JAVA = `class ATest {
  @Test
  void adds() {
    assertEquals(3, add(1, 2)); // @Disabled
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  @DisplayName("doubles")
  void doubles(int n) throws Exception {
    assertThat(twice(n)).as("@Ignore").isEqualTo(2 * n);
  }

  @Test(expected = IllegalStateException.class)
  public void fails() { run(); }
}
`
const KT = 'class ATest {\n  @Test\n  fun `adds two numbers`() = runTest {\n    assertEquals(3, add(1, 2))\n  }\n}\n'
const ALL: Record<'js' | 'py' | 'go' | 'rs' | 'java' | 'kt', string> = { js: JS, py: PY, go: GO, rs: RS, java: JAVA, kt: KT }

const testsOf = (kind: Kind, text: string) => {
  const language = languageOf(PATHS[kind])
  return language ? readTests(openSource(text, language), language, ['check']) : { tests: [], skips: [] }
}

describe('reads tests', () => {
  test.each<[keyof typeof ALL, string[]]>([
    ['js', ['adds', 'doubles %d', "keeps 'quotes' and .only words"]],
    ['py', ['test_adds', 'test_checks', 'test_raises']],
    ['go', ['TestAdd', 'TestSub']],
    ['rs', ['adds', 'panics', 'waits']],
    ['java', ['adds', 'doubles', 'fails']],
    ['kt', ['adds two numbers']],
  ])('%s: names, each asserting; words in comments and strings are no marks', (kind, names) => {
    const { tests, skips } = testsOf(kind, ALL[kind])
    expect(tests.map((one) => one.name)).toEqual(names)
    expect(tests.filter((one) => one.assertions === 0).map((one) => one.name)).toEqual([])
    expect(skips).toEqual([])
  })
})

describe('new marks', () => {
  test.each<[Kind, string, string, string[]]>([
    ['js', "it('adds', f)", "it.skip('adds', f)", ['test_skipped']],
    ['js', "it('adds', f)", "test.only('adds', f)", ['test_skipped']],
    ['js', "it('adds', f)", "xit('adds', f)", ['test_skipped']],
    ['js', "it('adds', f)", "it.failing('adds', f)", ['test_skipped']],
    ['js', "it('adds', f)", "it.concurrent.skip('adds', f)", ['test_skipped']],
    ['js', "it('adds', f)", "it.skipIf(true)('adds', f)", ['test_skipped']],
    ['js', "it('adds', f)", "it('adds', { skip: true }, f)", ['test_skipped']],
    ['js', "it('adds', f)", "it('adds', { todo: 'later' }, f)", ['test_skipped']],
    ['js', "it('adds', (t) => { run() })", "it('adds', (t) => { t.skip(); run() })", ['test_skipped']],
    ['js', "describe('maths', () => { it('adds', f) })", "describe.skip('maths', () => { it('adds', f) })", ['test_skipped']],
    ['js', "describe.skip('a', () => { it('b', f) }); describe('c', () => { it('d', f) })", "describe('a', () => { it('b', f) }); describe.skip('c', () => { it('d', f) })", ['test_skipped']],
    ['js', "it.skip('a', f); it('b', f)", "it('a', f); it.skip('b', f)", ['test_skipped']],
    ['js', "it('a', f)", "it('a', f); it.todo('b')", ['test_skipped']],
    ['js', "it.each([1, 2])('a', (n) => run(n, 'some more'))", "it.each([])('a', (n) => run(n, 'some more'))", ['test_skipped']],
    ['py', '@pytest.mark.parametrize("a", [1])\ndef test_a(a):\n    f()\n', '@pytest.mark.parametrize("a", [])\ndef test_a(a):\n    f()\n', ['test_skipped']],
    ['js', "it.skip('a', f)", "it('a', f)", []],
    ['js', "it.skip('old name', () => run(first, second))", "it.skip('new name', () => run(first, second))", []],
    ['js', "it('a', f)", "// it.skip('a', f)\nit('a', f) /* describe.only */", []],
    ['js', "it('a', f)", "it('a', () => f(`it.skip`, \"xit(\", /it.only/))", []],
    ['js', "it('a', f)", "it('a', () => only(1, list.skip(2)))", []],
    ['js', "it('a', f)", "it('a', () => { const options = { skip: true, only: 'a' }; read(options); read({ todo: 'x' }) })", []],
    ['js', "it('adds', f)", "it.each([1, 2])('adds', { skip: true }, f)", ['test_skipped']],
    ['js', "describe('adds', f)", "describe('adds', { only: true }, f)", ['test_skipped']],
    ['py', 'def test_a():\n    f()\n', '@pytest.mark.skip(reason="later")\ndef test_a():\n    f()\n', ['test_skipped']],
    ['py', 'def test_a():\n    f()\n', '@pytest.mark.xfail\ndef test_a():\n    f()\n', ['test_skipped']],
    ['py', 'def test_a():\n    f()\n', 'import pytest\npytestmark = pytest.mark.skip\n\ndef test_a():\n    f()\n', ['test_skipped']],
    ['py', 'def test_a():\n    f()\n', 'def test_a():\n    pytest.skip("x")\n    f()\n', ['test_skipped']],
    ['py', 'class A(TestCase):\n    def test_a(self):\n        f()\n', '@unittest.skip("x")\nclass A(TestCase):\n    def test_a(self):\n        f()\n', ['test_skipped']],
    ['py', 'class TestA:\n    def test_a(self):\n        f()\n', 'class TestA:\n    __test__ = False\n    def test_a(self):\n        f()\n', ['test_skipped']],
    ['py', 'def test_a():\n    f()\n', '# @pytest.mark.skip\ndef test_a():\n    """@pytest.mark.skip"""\n    f()\n', []],
    ['py', 'pytestmark = pytest.mark.skip\ndef test_b():\n    f()\n', 'pytestmark = pytest.mark.skip\ndef test_a():\n    f()\ndef test_b():\n    f()\n', []],
    ['conftest', 'import pytest\n', 'import pytest\ncollect_ignore = ["tests/test_a.py"]\n', ['test_skipped']],
    ['conftest', 'import pytest\n', 'def pytest_collection_modifyitems(items):\n    items.clear()\n', ['test_skipped']],
    ['conftest', '', 'import pytest\n@pytest.fixture\ndef db():\n    return 1\n', []],
    ['go', 'func TestA(t *testing.T) {\n\tf()\n}\n', 'func TestA(t *testing.T) {\n\tt.Skip("later")\n\tf()\n}\n', ['test_skipped']],
    ['go', 'package a\n\nfunc TestA(t *testing.T) {\n\tf()\n}\n', '//go:build ignore\n\npackage a\n\nfunc TestA(t *testing.T) {\n\tf()\n}\n', ['test_skipped']],
    ['go', 'package a\n', '// +build integration\n\npackage a\n', ['test_skipped']],
    ['go', 'package a\n', '//go:build !windows && linux\n\npackage a\n', []],
    ['rs', '#[test]\nfn a() { f() }\n', '#[test]\n#[ignore]\nfn a() { f() }\n', ['test_skipped']],
    ['rs', '#[test]\nfn a() { f() }\n', '#![cfg(any())]\n#[test]\nfn a() { f() }\n', ['test_skipped']],
    ['rs', '#[test]\nfn a() { f() }\n', '#[cfg_attr(not(slow), ignore)]\n#[test]\nfn a() { f() }\n', ['test_skipped']],
    ['java', 'class A { @Test void a() { f(); } }', '@Disabled("later")\nclass A { @Test void a() { f(); } }', ['test_skipped']],
    ['java', 'class A {\n@Test void a() { f(); }\n}', 'class A {\n@Ignore\n@Test void a() { f(); }\n}', ['test_skipped']],
    ['kt', KT, KT.replace('@Test', '@Test\n  @Disabled'), ['test_skipped']],
    ['rb', "it 'a' do\nend\n", "xit 'a' do\nend\n", ['test_skipped']],
  ])('%s: %j → %j', (kind, base, head, expected) => expect(rulesOf(kind, base, head)).toEqual(expected))
})

describe('emptied tests', () => {
  const js = (body: string) => `it('adds', () => {\n${body}\n})\n`
  const py = (body: string) => `def test_adds():\n${body.replace(/^/gm, '    ')}\n`
  const go = (body: string) => `func TestAdd(t *testing.T) {\n${body}\n}\n`
  const rs = (body: string) => `#[test]\nfn adds() {\n${body}\n}\n`
  const java = (body: string) => `class A {\n  @Test\n  void adds() {\n${body}\n  }\n}\n`
  test.each<[Kind, string, string, string[]]>([
    ['js', js('expect(add(1, 2)).toBe(3)'), js(''), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('expect(true).toBe(true)'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('const x = add(1, 2)\nexpect(x).toBe(x)'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('expect(1 + 2).toEqual(3)\nassert.ok(true)\nassert(1)'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('if (false) {\n  expect(add(1, 2)).toBe(3)\n}'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('return\nexpect(add(1, 2)).toBe(3)'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('// expect(add(1, 2)).toBe(3)\nadd(1, 2)'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('expect.assertions(0)'), ['test_emptied']],
    ['js', js('assert.equal(add(1, 2), 3)'), js('assert.equal(3, 3)'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('if (!ready) return\nexpect(add(2, 2)).toBe(4)'), []],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('return expect(wait()).resolves.toBe(3)'), []],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('const f = () => {\n  return 1\n}\nexpect(f()).toBe(1)'), []],
    ['js', js('expect(add(1, 2)).toBe(3)'), `function adds(a, b, c) {\n  expect(add(a, b)).toBe(c)\n}\n${js('adds(1, 2, 3)')}`, []],
    ['js', js('expect(add(1, 2)).toBe(3)'), `const adds = (a, b, c) => expect(add(a, b)).toBe(c)\n${js('adds(1, 2, 3)')}`, []],
    ['js', js('expect(add(1, 2)).toBe(3)'), `it('adds', () => expectSum(1, 2, 3))`, []],
    ['js', js('expect(add(1, 2)).toBe(3)'), "it.each`a | b\n${1} | ${2}`('adds', ({ a, b }) => { expect(add(a, b)).toBe(3) })", []],
    ['js', js('expect(add(1, 2)).toBe(3)'), js("try { add() } catch { return }\nassert.fail('must throw')"), []],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('expect()'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('expect(add(1, 2))'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('expect(add(1, 2)).to.be.three'), []],
    ['js', js('run()'), js(''), []],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('try {\n  expect(add(1, 2)).toBe(3)\n} catch {}'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('try { expect(add(1, 2)).toBe(3) } catch (error) { console.log(error) }'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('try { expect(add(1, 2)).toBe(3) } catch (error) { throw error }'), []],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('try { add(1, null)\nassert.fail() } catch (error) { expect(error.code).toBe(1) }'), []],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('try { expect(add(1, 2)).toBe(3) } finally { stop() }'), []],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('for (;;) {\n  try { expect(add(1, 2)).toBe(3); break } catch { await pause() }\n}\nthrow new Error(1)'), []],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('for (;;) {\n  if (ready()) {\n    try { expect(add(1, 2)).toBe(3); return } catch {}\n  }\n}\nthrow new Error(1)'), []],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('await expect(wait()).resolves.toBe(3).catch(() => undefined)'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('void Promise.resolve().then(() => expect(add(1, 2)).toBe(3)).catch(() => undefined)'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('expect(await wait().catch((error) => error)).toBe(3)'), []],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('const error = await wait().catch((error) => error)\nexpect(error).toBe(3)'), []],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('wait().then(() => expect(add(1, 2)).toBe(3)).catch((error) => done(error))'), []],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('if (false && ready()) {\n  expect(add(1, 2)).toBe(3)\n}'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('if (false) expect(add(1, 2)).toBe(3)'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('expect(add(1, 2) === 3 || true).toBe(true)'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('assert(true || add(1, 2) === 3)'), ['test_emptied']],
    ['js', js('expect(add(1, 2)).toBe(3)'), js('expect(parse(a || true)).toBe(true)'), []],
    ['py', py('assert add(1, 2) == 3'), py('pass'), ['test_emptied']],
    ['py', py('assert add(1, 2) == 3'), py('assert True, "fine"'), ['test_emptied']],
    ['py', py('assert add(1, 2) == 3'), py('assert 1 == 1\nassert not False'), ['test_emptied']],
    ['py', py('assert add(1, 2) == 3'), py('assert add(1, 2) == 3 or True'), ['test_emptied']],
    ['py', py('assert add(1, 2) == 3'), py('assert (add(1, 2) == 4, "wrong")'), ['test_emptied']],
    ['py', py('assert add(1, 2) == 3'), py('assert (add(1, 2) == 3)'), []],
    ['py', py('assert add(1, 2) == 3'), py('assert (1, 2) == add(1, 2)'), []],
    ['py', py('assert add(1, 2) == 3'), py('return\nassert add(1, 2) == 3'), ['test_emptied']],
    ['py', py('assert add(1, 2) == 3'), py('if False:\n    assert add(1, 2) == 3'), ['test_emptied']],
    ['py', py('assert add(1, 2) == 3'), py('assert True or add(1, 2) == 3'), ['test_emptied']],
    ['py', py('assert add(1, 2) == 3'), py('with contextlib.suppress(AssertionError):\n    assert add(1, 2) == 3'), ['test_emptied']],
    ['py', py('assert add(1, 2) == 3'), py('with suppress(KeyError):\n    assert add(1, 2) == 3'), []],
    ['py', py('assert add(1, 2) == 3'), py('try:\n    assert add(1, 2) == 3\nexcept AssertionError:\n    pass'), ['test_emptied']],
    ['py', py('assert add(1, 2) == 3'), py('try:\n    assert add(1, 2) == 3\nexcept: pass'), ['test_emptied']],
    ['py', py('assert add(1, 2) == 3'), py('try:\n    assert add(1, 2) == 3\nexcept (KeyError, Exception) as error:\n    print(error)'), ['test_emptied']],
    ['py', py('assert add(1, 2) == 3'), py('try:\n    assert add(1, 2) == 3\nexcept KeyError:\n    pass'), []],
    ['py', py('assert add(1, 2) == 3'), py('try:\n    assert add(1, 2) == 3\nexcept Exception:\n    stop()\n    raise'), []],
    ['py', py('assert add(1, 2) == 3'), py('try:\n    add(1, None)\nexcept Exception as error:\n    assert error.code == 1'), []],
    ['py', py('assert add(1, 2) == 3'), py('if False and slow:\n    assert add(1, 2) == 3'), ['test_emptied']],
    ['py', py('self.assertEqual(add(1, 2), 3)'), py('self.assertTrue(True)'), ['test_emptied']],
    ['py', py('assert add(1, 2) == 3'), py('if slow:\n    return\nassert add(1, 2) == 3'), []],
    ['py', py('assert add(1, 2) == 3'), py('with pytest.raises(ValueError):\n    add(1, None)'), []],
    ['py', py('assert add(1, 2) == 3'), `def adds(a, b, c):\n    assert add(a, b) == c\n\n${py('adds(1, 2, 3)')}`, []],
    ['go', go('\tassert.Equal(t, 3, Add(1, 2))'), go('\tassert.True(t, true)'), ['test_emptied']],
    ['go', go('\tif Add(1, 2) != 3 {\n\t\tt.Fatal("no")\n\t}'), go('\tAdd(1, 2)'), ['test_emptied']],
    ['go', go('\tif Add(1, 2) != 3 {\n\t\tt.Fatal("no")\n\t}'), go('\tif false && Add(1, 2) != 3 {\n\t\tt.Fatal("no")\n\t}'), ['test_emptied']],
    ['go', go('\tif Add(1, 2) != 3 {\n\t\tt.Fatal("no")\n\t}'), go('\tif false {\n\t\tt.Fatal("no")\n\t}'), ['test_emptied']],
    ['go', go('\tif Add(1, 2) != 3 {\n\t\tt.Fatal("no")\n\t}'), go('\treturn\n\tif Add(1, 2) != 3 {\n\t\tt.Fatal("no")\n\t}'), ['test_emptied']],
    ['go', go('\tif Add(1, 2) != 3 {\n\t\tt.Fatal("no")\n\t}'), go('\trequire.Equal(t, 3, Add(1, 2))'), []],
    ['rs', rs('assert_eq!(add(1, 2), 3);'), rs('assert_eq!(1, 1);'), ['test_emptied']],
    ['rs', rs('assert_eq!(add(1, 2), 3);'), rs('assert!(true);'), ['test_emptied']],
    ['rs', rs('assert_eq!(add(1, 2), 3);'), rs('assert!(add(1, 2) == 3 || true);'), ['test_emptied']],
    ['rs', rs('assert_eq!(add(1, 2), 3);'), rs('return;\nassert_eq!(add(1, 2), 3);'), ['test_emptied']],
    ['rs', rs('assert_eq!(add(1, 2), 3);'), rs('assert_matches!(add(1, 2), 3);'), []],
    ['java', java('assertEquals(3, add(1, 2));'), java('assertTrue(true);'), ['test_emptied']],
    ['java', java('assertEquals(3, add(1, 2));'), java('assertThat(true).isTrue();'), ['test_emptied']],
    ['java', java('assertEquals(3, add(1, 2));'), java('if (false) { assertEquals(3, add(1, 2)); }'), ['test_emptied']],
    ['java', java('assertEquals(3, add(1, 2));'), java('assertThat(add(1, 2)).isEqualTo(3);'), []],
  ])('%s: %j → %j', (kind, base, head, expected) => expect(rulesOf(kind, base, head)).toEqual(expected))
})

test('a helper of an unchanged file asserts for the test that calls it', () => {
  const before = "it('adds', () => {\n  expect(add(1, 2)).toBe(3)\n})\n"
  const after = "it('adds', () => {\n  roundtrip(add(1, 2), 3)\n})\n"
  expect(compareTests([file('js', before, after)], false).map((finding) => finding.rule)).toEqual(['test_emptied'])
  expect(compareTests([file('js', before, after)], false, ['roundtrip'])).toEqual([])
})

describe('tests that are gone', () => {
  test.each<[keyof typeof ALL, string, string]>([
    ['js', "it.each([[1, 2], [3, 4]])('doubles %d', (from, to) => expect(double(from)).toBe(to))", 'doubles %d'],
    ['py', 'def test_raises', 'test_raises'],
    ['go', 'func TestSub', 'TestSub'],
    ['rs', '#[tokio::test]', 'waits'],
    ['java', '@Test(expected = IllegalStateException.class)', 'fails'],
  ])('%s', (kind, cut, name) => {
    const head = ALL[kind].replace(cut, cut.startsWith('def') ? 'def raises' : cut.startsWith('func') ? 'func sub' : '')
    expect(compareTests([file(kind, ALL[kind], head)], false)).toMatchObject([{ rule: 'fewer_tests', path: PATHS[kind], blocking: true, message: expect.stringContaining(`"${name}"`) }])
    expect(compareTests([file(kind, ALL[kind], head)], true)).toMatchObject([{ rule: 'fewer_tests', blocking: false }])
  })
  test('a module of tests inside of a source file', () => {
    expect(compareTests([file('rs', RS, RS.slice(0, RS.indexOf('#[cfg(test)]')))], false)).toMatchObject([{ rule: 'fewer_tests', blocking: true }])
  })
})

describe('properties', () => {
  const kinds = fc.constantFrom<keyof typeof ALL>('js', 'py', 'go', 'rs', 'java', 'kt')
  const added: Record<keyof typeof ALL, string> = {
    js: "\nit('is new', () => {\n  expect(fresh()).toBe(1)\n})\n",
    py: '\ndef test_is_new():\n    assert fresh() == 1\n',
    go: '\nfunc TestIsNew(t *testing.T) {\n\tassert.Equal(t, 1, fresh())\n}\n',
    rs: '\n#[test]\nfn is_new() { assert_eq!(fresh(), 1); }\n',
    java: '\nclass BTest { @Test void isNew() { assertEquals(1, fresh()); } }\n',
    kt: '\nclass BTest { @Test fun isNew() { assertEquals(1, fresh()) } }\n',
  }
  /** Other line ends and blank lines; where indentation says nothing, another one; spaces at ends of lines. */
  const reformat = (kind: keyof typeof ALL, text: string, seed: readonly number[]): string =>
    text
      .split('\n')
      .map((line, index) => {
        const chance = seed[index % seed.length] ?? 0
        const indented = kind === 'py' ? line : ' '.repeat(chance % 5) + line.trimStart()
        return indented + ' '.repeat(chance % 3) + (chance % 4 === 0 && kind !== 'py' ? '\n' : '')
      })
      .join('\n')
  const seeds = fc.array(fc.nat(100), { minLength: 1, maxLength: 40 })

  test('reformatting gives no finding', () => fc.assert(fc.property(kinds, seeds, (kind, seed) => expect(rulesOf(kind, ALL[kind], reformat(kind, ALL[kind], seed))).toEqual([]))))
  test('adding tests gives none, before or behind', () =>
    fc.assert(fc.property(kinds, fc.boolean(), (kind, before) => expect(rulesOf(kind, ALL[kind], before ? added[kind] + ALL[kind] : ALL[kind] + added[kind])).toEqual([]))))
  test('moving a file of tests gives none, whatever git calls it', () =>
    fc.assert(fc.property(kinds, seeds, (kind, seed) => {
      const [name, ext] = [PATHS[kind].replace(/\w+\.\w+$/, ''), PATHS[kind].replace(/^.*\//, '')]
      const moved = { ...file(kind, null, reformat(kind, ALL[kind], seed)), path: `${name}moved/${ext}` }
      expect(compareTests([file(kind, ALL[kind], null), moved], false).map((finding) => finding.rule)).toEqual([])
    })))
  test('any text is read in bounded time and the same text is no finding', () =>
    fc.assert(fc.property(kinds, fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.array(fc.constantFrom('it(', 'test.each`', '${', '"', "'", '`', '/*', '*/', '//', '#', '{', '}', ')', '(', '\n', 'return', 'if (false) {', '#[test]', 'fn a', '@Test', 'void a(', 'def test_a(', 'func TestA(', '"""', 'expect(', 'assert', ' ', '\\', '/'), { maxLength: 60 }).map((parts) => parts.join(''))), (kind, text) => expect(rulesOf(kind, text, text)).toEqual([]))))
  test.each(['it("a", () => {', '(', '{ return; ', "it('a', ", '`${', '/*', 'return ', '#[test]\nfn a() {', '@Test void a() {', 'func TestA(t) {\n', 'def test_a():\n ', 'try {} catch {} ', 'try { ', '.catch(() => ', 'x.catch(() => 1)\n', 'try:\n f()\nexcept:\n f()\n', 'with suppress(Exception):\n ', 'if (false && '])('hostile: thousands of times %j', (piece) => {
    const text = piece.repeat(Math.floor(200_000 / piece.length))
    const began = performance.now()
    for (const kind of ['js', 'py', 'go', 'rs', 'java'] as const) rulesOf(kind, text, text)
    expect(performance.now() - began).toBeLessThan(20_000)
  })
})
