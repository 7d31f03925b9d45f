import { DOUBLE, SINGLE, TRIPLE_DOUBLE } from '../blank.ts'
import { bodyOpen, inBraces, withLinesAbove } from '../bodies.ts'
import { deadInBraces } from '../dead.ts'
import type { Declared, Language, Source } from '../language.ts'

const MARKED = /@(?:[\w.]+\.)?(?:Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate|Property|Example)\b/g
const METHOD = /^[^;{}()@]*?\b(?:void|fun|def|[\w.]+(?:<[^;{}()]*>)?(?:\[\])?)\s+(?:`([^`\n]*)`|(\w+))\s*\(/
/** JUnit 3 knows tests by their names. */
const OLD = /\bpublic\s+void\s+(test\w*)\s*(?=\(\s*\))/g

/** JUnit 3 to 5, TestNG, AssertJ, Mockito; Kotlin, Scala and Groovy where they are written alike. */
export const java: Language = {
  name: 'Java',
  files: /\.(?:java|kt|kts|scala|groovy)$/,
  inline: null,
  syntax: { lineComments: ['//'], blockComments: 'flat', strings: [TRIPLE_DOUBLE, DOUBLE, SINGLE] },
  declare,
  functions: (source) => inBraces(source, /\b(?:void|fun|def|static\s+\w+)\s+(?!test)(\w+)\s*(?=\()/g),
  assertions: [
    { match: /\bassert(?:True|False|Equals|NotEquals|Null|NotNull|Same|NotSame|ArrayEquals|That)\s*\(/g, judged: 'chain' },
    { match: /\bassert(?!(?:True|False|Equals|NotEquals|Null|NotNull|Same|NotSame|ArrayEquals|That)\s*\()[A-Z]\w*\s*[({<]|(?<![\w.])assert\s+(?!true\b|1\s*==\s*1)/g, judged: 'never' },
    { match: /(?<![\w])(?:fail|verify|verifyNoMoreInteractions|verifyNoInteractions|expect|expectThat|check)\w*\s*[({]|\.\s*(?:andExpect|expectStatus|expectBody|expectNext|expectError|verifyComplete|jsonPath|statusCode|isEqualTo)\s*\(/g, judged: 'never' },
    { match: /\bshould(?:Be|Not|Throw|Have|Contain|Equal)\w*|@Test\s*\(\s*expected\b/g, judged: 'never' },
  ],
  skips: /@(?:[\w.]+\.)?(?:Disabled\w*|Ignore|EnabledIf\w*)\b|\bassume(?:True|False|That|NoException)\s*\(|@Test\s*\([^)]*\benabled\s*=\s*false\b/g,
  writtenSkips: null,
  dead: deadInBraces,
}

function declare(source: Source): Declared[] {
  const { code, shape } = source
  const found = new Map<number, Declared>()
  const add = (name: string, mark: number, after: number): void => {
    if (found.has(after)) return
    const open = bodyOpen(source, after)
    found.set(after, { name, start: withLinesAbove(source, mark, /^\s*@/), body: open < 0 ? after : open, end: open < 0 ? after : shape.close(open) + 1 })
  }
  for (const match of code.matchAll(MARKED)) {
    const after = annotationsEnd(source, match.index + match[0].length)
    const method = METHOD.exec(code.slice(after, after + 2000))
    if (!method) continue
    add(method[1] ?? method[2] ?? '', match.index, after + method[0].length - 1)
  }
  for (const match of code.matchAll(OLD)) add(match[1] ?? '', match.index, match.index + match[0].length)
  return [...found.values()].toSorted((a, b) => a.start - b.start)
}

/** After the arguments of an annotation and all annotations that follow it. */
function annotationsEnd({ code, shape }: Source, from: number): number {
  let at = from
  for (let step = 0; step < 50; step += 1) {
    at += /^\s*/.exec(code.slice(at, at + 500))?.[0].length ?? 0
    if (code[at] === '(') at = shape.close(at) + 1
    else if (code[at] === '@') at += /^@[\w.:]+/.exec(code.slice(at, at + 200))?.[0].length ?? 1
    else return at
  }
  return at
}
