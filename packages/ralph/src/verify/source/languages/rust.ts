import { DOUBLE } from '../blank.ts'
import { bodyOpen, inBraces, withLinesAbove } from '../bodies.ts'
import { deadInBraces } from '../dead.ts'
import type { Declared, Language, Source } from '../language.ts'

const ATTRIBUTE = /#\[\s*(?:\w+\s*::\s*)*(?:test|rstest|test_case|bench|quickcheck|wasm_bindgen_test|test_log)\b[^\]]*\]/g

/** cargo test: files in tests/, and tests inside of any source file. */
export const rust: Language = {
  name: 'Rust',
  files: /\.rs$/,
  inline: /#\[\s*(?:cfg\s*\(\s*test|(?:\w+::)*test\b)/,
  syntax: { lineComments: ['//'], blockComments: 'nested', strings: [{ ...DOUBLE, manyLines: true }], rust: true },
  declare,
  functions: (source) => inBraces(source, /\bfn\s+(\w+)\s*(?=[(<])|\bmacro_rules!\s*(\w+)\s*(?=\{)/g),
  assertions: [
    { match: /\b(?:debug_)?assert(?:_eq|_ne)?!\s*\(/g, judged: 'chain' },
    { match: /\b(?!(?:debug_)?assert(?:_eq|_ne)?!)\w*assert\w*!\s*[({[]|\b(?:panic|unreachable|todo)!\s*[({[]/g, judged: 'never' },
    { match: /#\[\s*should_panic\b/g, judged: 'never' },
    { match: /\b(?:assert|check|verify|expect)_\w+\s*\(/g, judged: 'never' },
  ],
  skips: /#\[\s*ignore\b|#\[\s*cfg_attr\s*\([^\]]*\bignore\b|#!?\[\s*cfg\s*\(\s*(?:any\s*\(\s*\)|FALSE|false|not\s*\(\s*test\s*\))\s*\)/g,
  writtenSkips: null,
  dead: deadInBraces,
}

function declare(source: Source): Declared[] {
  const { code, shape } = source
  const found = new Map<number, Declared>()
  for (const match of code.matchAll(ATTRIBUTE)) {
    const after = match.index + match[0].length
    const named = /^(?:\s*#\[[^\]]*\])*\s*(?:pub(?:\([^)]*\))?\s+)?(?:async\s+|unsafe\s+|const\s+|extern\s+"[^"]*"\s+)*fn\s+(\w+)/.exec(code.slice(after, after + 2000))
    if (!named?.[1]) continue
    const at = after + named[0].length
    if (found.has(at)) continue
    const open = bodyOpen(source, at)
    const start = withLinesAbove(source, match.index, /^\s*#\[/)
    found.set(at, { name: named[1], start, body: open < 0 ? at : open, end: open < 0 ? at : shape.close(open) + 1 })
  }
  return [...found.values()]
}
