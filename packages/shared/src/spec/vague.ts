/** Words that name a direction and no end: nobody can say when they are done. */
const DIRECTION = /\b(improv\w*|refactor\w*|clean(?:ing)?[ -]?up|polish\w*|optimi[sz]\w*|enhanc\w*|moderni[sz]\w*|tidy|simplif\w*|streamlin\w*|better|nicer|rework\w*|look into|deal with|take care of|handle things|various|misc(?:ellaneous)?|as needed|where (?:needed|appropriate)|if (?:possible|necessary))\b/i
const OPEN_ENDED = /\betc\b\.?|\band so on\b|\band (?:more|others|the like)\b|(?:\.{3}|…)\s*$/i
const PLACEHOLDER = /\b(?:TBD|TODO|FIXME|XXX|WIP)\b|\?{2,}|<(?:fill|insert|your|something|name|todo)[^>]*>/i
const QUESTION = /\?(?:\s|$)/

/**
 * Something that can be looked at: code, a path, a number, a quoted text, or a word that says what
 * must be true.
 */
const CHECKABLE = /\x60[^\x60]+\x60|[\w-]+\/[\w./-]+|\b[\w-]+\.(?:[a-z]{1,4})\b|\d|["“”«»][^"“”«»]+["“”«»]|\b(?:so that|until|returns?|answers?|fails?|throws?|rejects?|accepts?|prints?|shows?|exits?|must|without|instead of|no longer|whenever|when|tests? (?:for|that)|passes|equals?|at (?:most|least))\b/i

const LEAST_CHARS = 8
/** Longer tasks and commands are looked at no further: the expressions are not made for them. */
const LOOKED_AT = 4000

export type Vagueness = { message: string; fix: string }

/** Why nobody could verify that this task is done; null when it can be. An opinion, not a rule. Pure. */
export function vagueness(whole: string): Vagueness | null {
  const text = whole.slice(0, LOOKED_AT)
  const prose = text.replace(/`[^`]*`|"[^"]*"/g, '`code`')
  const shown = text.length > 80 ? `${text.slice(0, 79)}…` : text
  if (text.length < LEAST_CHARS) return { message: `too short to be checked: "${shown}"`, fix: 'say what must be true when it is done, with the names of files or functions' }
  const placeholder = PLACEHOLDER.exec(prose)?.[0]
  if (placeholder !== undefined) return { message: `a placeholder stands where the task should: "${placeholder}" in "${shown}"`, fix: 'decide it and write it down, or take the task out' }
  if (QUESTION.test(prose)) return { message: `a question is no task: "${shown}"`, fix: 'answer it in the spec; say what is to be done' }
  const open = OPEN_ENDED.exec(prose)?.[0]
  if (open !== undefined) return { message: `it has no end: "${open.trim()}" in "${shown}"`, fix: 'list all that is meant; leave out what is not' }
  const direction = DIRECTION.exec(prose)?.[0]
  if (direction !== undefined && !CHECKABLE.test(text)) return { message: `"${direction}" says where to go, not when it is reached: "${shown}"`, fix: 'name the file or behaviour and what must be true of it, such as "`npm test` takes less than 10 s"' }
  return null
}

const NEVER_FAILS: readonly [RegExp, string][] = [
  [/^(?:true|:|exit(?:\s+0)?)$/, 'always succeeds'],
  [/^(?:echo|printf)\b[^|&;]*$/, 'only prints'],
  [/\|\|\s*(?:true|:|exit\s+0|(?:echo|printf)\b[^|&;]*)\s*$/, 'swallows its failure after "||"'],
  [/(?:;|&&?)\s*(?:true|:|exit\s+0)\s*$/, 'ends in a command that always succeeds'],
  [/[^|]\|\s*(?:tee|cat|head|tail|less|more|sort|wc)\b[^|&;]*$/, 'ends in a pipe, whose last command alone counts'],
  [/[^&>]&\s*$/, 'runs in the background, where nobody sees it fail'],
]

/** Why a verify command cannot fail, and so proves nothing; null when it can. Pure. */
export function cannotFail(command: string): string | null {
  const text = command.trim()
  if (text.length > LOOKED_AT) return null
  if (/\bset -[a-z]*o pipefail\b|\bPIPESTATUS\b/.test(text)) return null
  return NEVER_FAILS.find(([pattern]) => pattern.test(text))?.[1] ?? null
}
