/** What makes a command do less, or end well whatever happened. */
const SOFT =
  /\|\||;|(?<!&)&(?!&)|\|(?!\|)|\bexit\b|\bset \+e|\btrue\b|(?:^|\s)(?:-run|-short|-skip|--skip|--ignore\S*|--deselect|-k|-m|-t|-x|--testPath\w*|--modulePath\w*|--testNamePattern|--test-name-pattern|--test-skip-pattern|--grep|-g|--invert|--exclude\S*|--filter|--shard|--changed|--onlyChanged|--only\S*|--last-failed|--lf|--bail|--passWithNoTests|--pass-with-no-tests|--no-run|--collect-only|--list\S*|--dry-run|--exit-zero|-Dskip\S*|-DskipTests\S*|-Dmaven\.test\S*|-fae|-fn)(?=[\s=]|$)|--fail-never|--if-present|--no-error|continue-on-error/

/**
 * Whether a command surely does at least what it did: "bun test" → "tsc && bun test --coverage". Another
 * word could be a path that narrows it, so only flags and commands joined by && count as more.
 */
export function isGrown(was: string, is: string): boolean {
  const before = tidy(was)
  const after = tidy(is)
  if (before === after) return true
  if (before === '') return true
  for (let at = after.indexOf(before); at >= 0; at = after.indexOf(before, at + 1)) {
    const prefix = after.slice(0, at).trim()
    const rest = after.slice(at + before.length)
    if ((prefix === '' || (prefix.endsWith('&&') && !SOFT.test(prefix))) && isMore(rest)) return true
  }
  return false
}

/** Only flags, with a number or after = with any value, and further commands after &&. */
const MORE = /^(?:\s+--?[A-Za-z][\w-]*(?:=\S+|\s\d+)?)*(?:\s+&&\s.*)?$/
const isMore = (rest: string): boolean => rest.trim() === '' || (MORE.test(rest) && !SOFT.test(rest))

const tidy = (text: string): string => text.trim().replace(/\s+/g, ' ')

/** Lines after which less may count: an end, a condition that never holds, a text or a comment over many lines, another meaning of a word. */
const ENDS = /\b_?exit\b|SystemExit|\bquit\b|\bset \+e|\|\|\s*(?:true|:)|\breturn\b|^\s*(?:if|while)\b.*\b(?:false|0)\b|\btrap\b|<<|\bexec\b|^\s*alias\b|\w+\s*\(\)|"""|'''|\/\*|^=begin\b/i

/** The same for the lines of a recipe or a script: each is still there, in order, and none between them ends it well. */
export function linesGrown(was: readonly string[], is: readonly string[]): boolean {
  let next = 0
  for (const line of is) {
    const wanted = was[next]
    if (wanted !== undefined && isGrown(wanted, line)) next += 1
    else if (ENDS.test(line)) return false
  }
  return next === was.length
}

/** Lines that do something. */
export const codeLines = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '' && !/^\s*#(?!!)/.test(line))
