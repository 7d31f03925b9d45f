import type { SectionName } from './types.ts'

/**
 * One line of a document, seen as what it means for a spec. `start` is the offset of its first
 * character in the document, so that a box can be ticked without touching another byte.
 */
export type Line =
  | { kind: 'box'; text: string; done: boolean; start: number; mark: number; indent: number }
  | { kind: 'heading'; raw: string; text: string; level: number; section: SectionName | null; start: number }
  | { kind: 'item'; raw: string; text: string; start: number; indent: number }
  | { kind: 'text'; text: string; start: number; indent: number }
  | { kind: 'blank'; raw: string; start: number }
  | { kind: 'fence'; edge: boolean; text: string; start: number }
  | { kind: 'comment'; start: number }

const SECTIONS: Record<SectionName, readonly string[]> = {
  goal: ['goal', 'goals', 'objective', 'objectives', 'summary', 'description', 'overview', 'problem'],
  tasks: ['tasks', 'task list', 'task', 'todo', 'to do', 'checklist', 'steps', 'implementation', 'implementation tasks', 'implementation plan', 'plan'],
  acceptance: ['acceptance', 'acceptance criteria', 'acceptance criterion', 'criteria', 'definition of done', 'done when', 'success criteria'],
  verify: ['verify', 'verification', 'verify commands', 'verification commands', 'how to verify'],
  files: ['files', 'likely files', 'files likely to be touched', 'files likely touched', 'relevant files', 'files to change', 'affected files', 'files to touch'],
  notes: ['notes', 'note', 'additional notes'],
}
const BY_NAME = new Map<string, SectionName>()
for (const name of ['goal', 'tasks', 'acceptance', 'verify', 'files', 'notes'] as const) for (const word of SECTIONS[name]) BY_NAME.set(word, name)

/** The section a heading's text announces; case, numbering, emoji and colons do not count. */
export function sectionOf(heading: string): SectionName | null {
  if (heading.length > 60) return null
  const words = heading.toLowerCase().replace(/[^\p{L}]+/gu, ' ').trim()
  return BY_NAME.get(words) ?? null
}

const BOX = /^(\s*)((?:[-*+]|\d{1,9}[.)])\s+\[)([ xX])\]\s+(?=\S)/
const ITEM = /^(\s*)(?:[-*+]|\d{1,9}[.)])\s+(?=\S)/
const FENCE = /^\s*(?:(?:[-*+]|\d{1,9}[.)])\s+)?(`{3,}|~{3,})/
const HEADING = /^ {0,3}(#{1,6})(?=\s|$)/

/** An opening code fence: its marker, or null. A backtick fence has no backtick in its info string. */
export function fenceMarker(line: string): string | null {
  const match = FENCE.exec(line)
  const marker = match?.[1]
  if (!match || !marker) return null
  if (marker.startsWith('`') && line.indexOf('`', match[0].length) !== -1) return null
  return marker
}

export function closesFence(line: string, marker: string): boolean {
  const text = line.trim()
  return text.length >= marker.length && text === (marker[0] ?? '').repeat(text.length)
}

function readHeading(line: string): { text: string; level: number; section: SectionName | null } | null {
  const marks = HEADING.exec(line)?.[1]
  if (marks) {
    const text = withoutClosingMarks(line.trim().slice(marks.length).trim())
    return { text, level: marks.length, section: text.startsWith('\\') ? null : sectionOf(text) }
  }
  // "**Tasks**" and "Acceptance criteria:" on a line of their own are headings to whoever wrote them.
  const bare = line.trim()
  if (bare.length > 60 || ITEM.test(line)) return null
  const bold = (bare.startsWith('**') || bare.startsWith('__')) && /(\*\*|__):?$/.test(bare) && bare.length > 4
  if (!bold && !bare.endsWith(':')) return null
  if (bare.startsWith('\\')) return null
  const section = sectionOf(bare)
  return section ? { text: bare, level: 6, section } : null
}

/** "Title ##" → "Title": the closing marks of a heading, as Markdown has them. */
function withoutClosingMarks(text: string): string {
  let end = text.length
  while (end > 0 && text[end - 1] === '#') end -= 1
  if (end === text.length || (end > 0 && !/\s/.test(text[end - 1] ?? ''))) return text
  return text.slice(0, end).trim()
}

/** Whether a line, standing by itself in prose, would be read as something other than prose. */
function isStructural(line: string): boolean {
  if (line.trimStart().startsWith('<!--') || BOX.test(line) || fenceMarker(line) !== null) return true
  const heading = readHeading(line)
  return heading !== null && (heading.level <= 2 || heading.section !== null)
}

/** "\## Verify" in prose means the text "## Verify". Inverse of {@link escapeLine}. */
export function unescapeLine(line: string): string {
  const indent = line.length - line.trimStart().length
  if (line[indent] !== '\\') return line
  return isStructural(withoutBackslashes(line, indent)) ? line.slice(0, indent) + line.slice(indent + 1) : line
}

/** Makes one line of prose safe to stand in a spec. */
export function escapeLine(line: string): string {
  const indent = line.length - line.trimStart().length
  return isStructural(withoutBackslashes(line, indent)) ? `${line.slice(0, indent)}\\${line.slice(indent)}` : line
}

function withoutBackslashes(line: string, indent: number): string {
  let end = indent
  while (line[end] === '\\') end += 1
  return line.slice(0, indent) + line.slice(end)
}

/** Reads a document line by line, in linear time; fences and HTML comments swallow what they hold. */
export function* readLines(markdown: string): Generator<Line> {
  let fence: string | null = null
  let comment = false
  for (const { raw, start } of rawLines(markdown)) {
    if (fence !== null) {
      const edge = closesFence(raw, fence)
      if (edge) fence = null
      yield { kind: 'fence', edge, text: raw, start }
      continue
    }
    if (comment || raw.trimStart().startsWith('<!--')) {
      const from = comment ? 0 : raw.indexOf('<!--') + 4
      const end = raw.indexOf('-->', from)
      comment = end === -1
      yield { kind: 'comment', start }
      const rest = end === -1 ? '' : raw.slice(end + 3)
      if (rest.trim()) yield { kind: 'text', text: rest, start: start + end + 3, indent: 0 }
      continue
    }
    const opening = fenceMarker(raw)
    if (opening !== null) {
      fence = opening
      yield { kind: 'fence', edge: true, text: raw, start }
      continue
    }
    yield readPlain(raw, start)
  }
}

function readPlain(raw: string, start: number): Line {
  if (raw.trim() === '') return { kind: 'blank', raw, start }
  const box = BOX.exec(raw)
  if (box) {
    const indent = (box[1] ?? '').length
    return { kind: 'box', text: raw.slice(box[0].length).trim(), done: box[3] !== ' ', start, mark: start + indent + (box[2] ?? '').length, indent }
  }
  const heading = readHeading(raw)
  if (heading) return { kind: 'heading', raw, start, ...heading }
  const item = ITEM.exec(raw)
  const indent = raw.length - raw.trimStart().length
  return item ? { kind: 'item', raw, text: raw.slice(item[0].length).trim(), start, indent } : { kind: 'text', text: raw, start, indent }
}

/** Lines end at \n, \r\n or a lone \r. */
export function* rawLines(markdown: string): Generator<{ raw: string; start: number }> {
  const ends = /\r\n|\n|\r/g
  let start = 0
  for (let end = ends.exec(markdown); end; end = ends.exec(markdown)) {
    yield { raw: markdown.slice(start, end.index), start }
    start = ends.lastIndex
  }
  yield { raw: markdown.slice(start), start }
}
