import { DOUBLE, SINGLE, TRIPLE_DOUBLE, TRIPLE_SINGLE } from '../blank.ts'
import { inIndents } from '../bodies.ts'
import { deadInIndents } from '../dead.ts'
import type { Language } from '../language.ts'
import { swallowedInIndents } from '../swallowed.ts'

/** pytest and unittest. */
export const python: Language = {
  name: 'Python',
  files: /\.py$/,
  inline: null,
  syntax: { lineComments: ['#'], blockComments: 'none', strings: [TRIPLE_DOUBLE, TRIPLE_SINGLE, DOUBLE, SINGLE] },
  declare: (source) => inIndents(source, /^(?:async\s+)?def\s+(test\w*)\s*\(/),
  functions: (source) => inIndents(source, /^(?:async\s+)?def\s+((?!test)\w+)\s*\(/),
  assertions: [
    { match: /(?<![\w.])assert\b(?=[\s(])/g, judged: 'statement' },
    { match: /\bself\s*\.\s*assert(?:True|False|Equal|Equals|NotEqual|Is|IsNot|IsNone|IsNotNone|In|NotIn)\s*\(/g, judged: 'chain' },
    { match: /\bself\s*\.\s*(?:assert(?!(?:True|False|Equal|Equals|NotEqual|Is|IsNot|IsNone|IsNotNone|In|NotIn)\s*\()\w+|fail\w*)\s*\(/g, judged: 'never' },
    { match: /\bpytest\s*\.\s*(?:raises|warns|deprecated_call|fail)\s*\(/g, judged: 'never' },
    { match: /\bassert_\w+\s*\(|(?<!\w)(?:check|verify|expect|ensure)_?\w*\s*\(/g, judged: 'never' },
  ],
  skips:
    /\bpytest\s*\.\s*mark\s*\.\s*(?:skip|skipif|xfail)\b|\bpytest\s*\.\s*(?:skip|xfail|importorskip)\s*\(|@\s*(?:unittest\s*\.\s*)?(?:skip|skipIf|skipUnless|expectedFailure)\b|\.\s*skipTest\s*\(|\braise\s+(?:unittest\s*\.\s*)?SkipTest\b|\bparametrize\s*\(\s*["'([][^)\]]*["')\]]\s*,\s*[[(]\s*[\])]|^\s*__test__\s*=\s*False\b|\bcollect_ignore(?:_glob)?\b|\bdef\s+pytest_(?:ignore_collect|collection_modifyitems|runtest_makereport|sessionfinish)\b/gm,
  writtenSkips: null,
  dead: (source) => [...deadInIndents(source), ...swallowedInIndents(source)],
}
