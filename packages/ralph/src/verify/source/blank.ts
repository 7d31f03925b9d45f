/** How a language writes comments and strings, as far as telling code from text needs it. */
export type Syntax = {
  /** What begins a comment that ends with the line. */
  lineComments: readonly string[]
  /** Whether there are comments from slash-star to star-slash, and whether they nest. */
  blockComments: 'none' | 'flat' | 'nested'
  strings: readonly StringForm[]
  /** JavaScript: literals between slashes, templates with code in them. */
  javascript?: boolean
  /** Rust: r#"raw"#, 'c' beside 'lifetime. */
  rust?: boolean
}
export type StringForm = { open: string; close: string; escapes: boolean; manyLines: boolean }

const quoted = (quote: string): StringForm => ({ open: quote, close: quote, escapes: true, manyLines: false })
export const SINGLE = quoted("'")
export const DOUBLE = quoted('"')
export const TRIPLE_DOUBLE: StringForm = { open: '"""', close: '"""', escapes: true, manyLines: true }
export const TRIPLE_SINGLE: StringForm = { open: "'''", close: "'''", escapes: true, manyLines: true }
export const BACKTICK: StringForm = { open: '`', close: '`', escapes: false, manyLines: true }

/**
 * The text with comments and what stands in strings replaced by spaces, so that words in them are not
 * taken for code. Length, line ends and the quotes themselves stay, so offsets mean the same in both.
 * One pass; a string that is not closed ends with its line where its kind has to.
 */
export function blank(text: string, syntax: Syntax): string {
  const out: string[] = []
  let from = 0
  let at = 0
  // Everything from `at` to `end` is text; `edge` characters at both ends are kept.
  const hide = (end: number, edge: number): void => {
    const inside = Math.min(at + edge, end)
    const outside = Math.max(inside, end - edge)
    out.push(text.slice(from, inside), spaces(text.slice(inside, outside)))
    from = outside
    at = end
  }
  while (at < text.length) {
    const end = commentEnd(text, at, syntax)
    if (end > at) {
      hide(end, 0)
      continue
    }
    const closed = stringEnd(text, at, syntax)
    if (closed > at) hide(closed, 1)
    else at += 1
  }
  out.push(text.slice(from))
  return out.join('')
}

const spaces = (text: string): string => text.replace(/[^\n]/g, ' ')

function commentEnd(text: string, at: number, syntax: Syntax): number {
  if (syntax.lineComments.some((mark) => text.startsWith(mark, at))) return lineEnd(text, at)
  if (syntax.blockComments === 'none' || !text.startsWith('/*', at)) return at
  if (syntax.blockComments === 'flat') {
    const end = text.indexOf('*/', at + 2)
    return end === -1 ? text.length : end + 2
  }
  let depth = 1
  let index = at + 2
  while (index < text.length && depth > 0) {
    if (text.startsWith('/*', index)) depth += 1
    else if (text.startsWith('*/', index)) depth -= 1
    else {
      index += 1
      continue
    }
    index += 2
  }
  return index
}

function stringEnd(text: string, at: number, syntax: Syntax): number {
  const char = text[at]
  if (syntax.rust && char === "'") return charEnd(text, at)
  if (syntax.rust && char === '"') {
    let hashes = 0
    while (text[at - 1 - hashes] === '#') hashes += 1
    if (text[at - 1 - hashes] === 'r') return scan(text, at + 1, { open: '"', close: `"${'#'.repeat(hashes)}`, escapes: false, manyLines: true })
  }
  if (syntax.javascript && char === '`') return templateEnd(text, at)
  if (syntax.javascript && char === '/') return regexEnd(text, at)
  const form = syntax.strings.find((candidate) => text.startsWith(candidate.open, at))
  return form ? scan(text, at + form.open.length, form) : at
}

/** A character in quotes; a quote before a lifetime is none. */
function charEnd(text: string, at: number): number {
  const literal = /'(?:\\(?:u\{[0-9a-fA-F_]{1,8}\}|x[0-9a-fA-F]{2}|.)|[^\\'\n])'/uy
  literal.lastIndex = at
  return literal.test(text) ? literal.lastIndex : at
}

/** The offset after the string whose first inner character is at `index`. */
function scan(text: string, index: number, form: StringForm): number {
  while (index < text.length) {
    if (form.escapes && text[index] === '\\') index += 2
    else if (text.startsWith(form.close, index)) return index + form.close.length
    else if (!form.manyLines && text[index] === '\n') return index
    else index += 1
  }
  return text.length
}

/** Templates hold code that holds templates: braces are counted until the last backtick. */
function templateEnd(text: string, at: number): number {
  const depths: number[] = [0]
  let index = at + 1
  while (index < text.length) {
    const inText = depths.length % 2 === 1
    const char = text[index]
    if (char === '\\') index += 1
    else if (inText && char === '`') {
      depths.pop()
      if (depths.length === 0) return index + 1
    } else if (inText && char === '$' && text[index + 1] === '{') {
      depths.push(0)
      index += 1
    } else if (!inText && char === '`') depths.push(0)
    else if (!inText && char === '{') depths.push((depths.pop() ?? 0) + 1)
    else if (!inText && char === '}') {
      const open = depths.pop() ?? 0
      if (open > 0) depths.push(open - 1)
    }
    index += 1
  }
  return text.length
}

/** A slash begins a regular expression where a value may stand; it ends on its line or is a division. */
function regexEnd(text: string, at: number): number {
  let before = at - 1
  while (before >= 0 && (text[before] === ' ' || text[before] === '\t')) before -= 1
  const value = before < 0 || '\n(,=:[!&|?{};+-*%~^<>'.includes(text[before] ?? '') || /(?:^|\W)(?:return|typeof|case|in|of)$/.test(text.slice(Math.max(0, before - 8), before + 1))
  if (!value) return at
  let inClass = false
  for (let index = at + 1; index < text.length; index += 1) {
    const char = text[index]
    if (char === '\n') return at
    if (char === '\\') index += 1
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if (char === '/' && !inClass) return index + 1
  }
  return at
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end === -1 ? text.length : end
}
