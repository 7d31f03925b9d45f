import { redactText, visibleText } from '@factory/shared'

/** Invisible on the page; stops GitHub from reading a mention, a reference or a link. */
const GAP = '\u200b'

/**
 * Text that others wrote, for our comment: nobody is mentioned, no other issue or commit is linked
 * to, no picture or HTML gets in, nothing secret is repeated.
 */
export function neutral(text: string): string {
  return redactText(visibleText(text))
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/@(?=[A-Za-z0-9_])/g, `@${GAP}`)
    .replace(/#(?=\d)/g, `#${GAP}`)
    .replace(/GH-(?=\d)/gi, (found) => `${found}${GAP}`)
    .replace(/:\/\//g, `:${GAP}//`)
    .replace(/www\./gi, (found) => `${found.slice(0, -1)}${GAP}.`)
    .replace(/!\[/g, `!${GAP}[`)
    .replace(/\b[0-9a-f]{7,64}\b/g, (sha) => `${sha.slice(0, 4)}${GAP}${sha.slice(4)}`)
}

/** The same on one line, cut, and safe in a table cell. */
export function neutralLine(text: string, max = 200): string {
  const line = visibleText(text).replace(/\s+/g, ' ').trim()
  return neutral(line.length > max ? `${line.slice(0, max - 1)}…` : line).replace(/\|/g, '\\|')
}

/** As a code span, in which GitHub reads nothing. */
export function code(text: string, max = 200): string {
  const line = redactText(visibleText(text)).replace(/\s+/g, ' ').trim()
  const cut = line.length > max ? `${line.slice(0, max - 1)}…` : line
  const ticks = '`'.repeat(longestRun(cut) + 1)
  const space = cut.startsWith('`') || cut.endsWith('`') ? ' ' : ''
  return cut ? `${ticks}${space}${cut}${space}${ticks}`.replace(/\|/g, '\\|') : ''
}

/** As a fenced block with a fence longer than any in the text. The end of a long text is what tells. */
export function block(text: string, max = 4000): string {
  const clean = redactText(visibleText(text)).trim()
  const cut = clean.length > max ? `…\n${clean.slice(-max)}` : clean
  const fence = '`'.repeat(Math.max(3, longestRun(cut) + 1))
  return `${fence}text\n${cut}\n${fence}`
}

/** As a quotation. */
export function quotation(text: string, max = 10_000): string {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text
  return neutral(cut.trim())
    .split('\n')
    .map((line) => `> ${line}`.trimEnd())
    .join('\n')
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length))
}
