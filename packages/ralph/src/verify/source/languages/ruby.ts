import { DOUBLE, SINGLE } from '../blank.ts'
import type { Language } from '../language.ts'

/** RSpec and Minitest: only the marks; blocks that end with `end` are left to the counts. */
export const ruby: Language = {
  name: 'Ruby',
  files: /\.rb$/,
  inline: null,
  syntax: { lineComments: ['#'], blockComments: 'none', strings: [DOUBLE, SINGLE] },
  declare: () => [],
  functions: () => [],
  assertions: [],
  skips: /^\s*(?:xit|xdescribe|xcontext|fit|fdescribe|pending|skip)\b/gm,
  writtenSkips: null,
  dead: () => [],
}
