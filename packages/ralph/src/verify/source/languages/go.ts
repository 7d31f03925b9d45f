import { BACKTICK, DOUBLE, SINGLE } from '../blank.ts'
import { inBraces } from '../bodies.ts'
import { deadInBraces } from '../dead.ts'
import type { Language } from '../language.ts'

/** Tags that are set or not by the platform; any other one in a new constraint takes a file out of plain `go test`. */
const PLATFORM = 'linux|darwin|windows|freebsd|netbsd|openbsd|unix|amd64|arm64|386|arm|cgo|race|go1\\.\\d+|!'

/** go test, with testify, Gomega and the like. */
export const go: Language = {
  name: 'Go',
  files: /\.go$/,
  inline: null,
  syntax: { lineComments: ['//'], blockComments: 'flat', strings: [BACKTICK, DOUBLE, SINGLE] },
  declare: (source) => inBraces(source, /^[ \t]*func[ \t]*(?:\([^)\n]*\)[ \t]*)?((?:Test|Benchmark|Fuzz|Example)\w*)[ \t]*(?=\()/gm),
  functions: (source) => inBraces(source, /^[ \t]*func[ \t]*(?:\([^)\n]*\)[ \t]*)?((?!Test|Benchmark|Fuzz|Example)\w+)[ \t]*(?=[([])/gm),
  assertions: [
    { match: /\b(?:assert|require)\s*\.\s*\w+\s*\(/g, judged: 'rest' },
    { match: /\b(?!log\b|fmt\b|errors\b)\w+\s*\.\s*(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\s*\(/g, judged: 'never' },
    { match: /\b(?:qt|is|g|c|td|autogold|golden|cupaloy|snaps)\s*\.\s*(?:Assert|Check|Equal|Expect|Should|NoErr|True|Cmp|MatchSnapshot|SnapshotT)\w*\s*\(|(?<![\w.])(?:Expect|Assert|assert|check|verify|expect|must)\w*\s*\(/g, judged: 'never' },
    // An example is compared with the output its comment names.
    { match: /^[ \t]*func[ \t]+Example\w*/gm, judged: 'never' },
  ],
  skips: /\b\w+\s*\.\s*(?:Skip|Skipf|SkipNow)\s*\(/g,
  writtenSkips: new RegExp(`^[ \\t]*//\\s*(?:go:build|\\+build)\\s+(?=.*\\b(?!(?:${PLATFORM})\\b)[a-z]\\w*).*$`, 'gm'),
  dead: deadInBraces,
}
