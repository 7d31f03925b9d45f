import { taskIds } from './id.ts'
import { fenceMarker, readLines, sectionOf, unescapeLine, type Line } from './lines.ts'
import type { SectionName, Spec } from './types.ts'

type Section = SectionName | 'other'
/** Before any section heading: unknown headings of level 1 and 2 end it. */
const PREAMBLE = 2

type Box = { text: string[]; done: boolean; mark: number }
type State = {
  title: string
  section: Section
  level: number
  goal: string[]
  notes: string[]
  boxes: Box[]
  acceptance: string[][]
  verify: string[]
  /** Where each verify command begins. */
  verifyAt: number[]
  /** Where the section's heading stands; null without one. */
  verifyHeading: number | null
  files: string[]
  /** A task or criterion whose wrapped lines may follow. */
  open: { text: string[]; indent: number } | null
  /** A fenced command that ended in a backslash, and where it began. */
  pending: string
  pendingAt: number
}

/** A box's text on one line. */
export const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** Reads a spec from any Markdown. Never throws: what it does not understand becomes notes. */
export function parseSpec(markdown: string): Spec {
  const state = walk(markdown)
  const texts = state.boxes.map((box) => oneLine(box.text.join(' ')))
  const ids = taskIds(texts)
  return {
    title: state.title,
    goal: prose(state.goal),
    tasks: state.boxes.map((box, index) => ({ id: ids[index] ?? '', text: texts[index] ?? '', done: box.done })),
    acceptance: state.acceptance.map((text) => oneLine(text.join(' '))),
    verify: state.verify,
    files: state.files,
    notes: prose(state.notes),
  }
}

/** Where the mark of each task's box stands in the document. */
export function taskMarks(markdown: string): { id: string; mark: number; done: boolean }[] {
  const { boxes } = walk(markdown)
  const ids = taskIds(boxes.map((box) => oneLine(box.text.join(' '))))
  return boxes.map((box, index) => ({ id: ids[index] ?? '', mark: box.mark, done: box.done }))
}

/** Where the marks of the tasks and the verify commands stand, as offsets, in their order in the spec. */
export function specOffsets(markdown: string): { tasks: number[]; verify: number[]; verifyHeading: number | null } {
  const { boxes, verifyAt, verifyHeading } = walk(markdown)
  return { tasks: boxes.map(({ mark }) => mark), verify: verifyAt, verifyHeading }
}

const prose = (lines: string[]): string => lines.join('\n').trim()

function walk(markdown: string): State {
  const state: State = { title: '', section: 'goal', level: PREAMBLE, goal: [], notes: [], boxes: [], acceptance: [], verify: [], verifyAt: [], verifyHeading: null, files: [], open: null, pending: '', pendingAt: 0 }
  for (const line of readLines(markdown)) step(state, line)
  if (state.pending) addCommand(state, state.pending, state.pendingAt)
  return state
}

function step(state: State, line: Line): void {
  if (line.kind === 'comment') return
  if (line.kind === 'text' && state.open && line.indent >= state.open.indent + 2) return void state.open.text.push(line.text)
  state.open = null
  switch (line.kind) {
    case 'heading':
      return heading(state, line)
    case 'box':
      return box(state, line)
    case 'fence':
      if (state.section === 'verify') command(state, line)
      else free(state).push(line.text)
      return
    case 'blank':
      if (state.section === 'goal' || state.section === 'notes' || state.section === 'other') free(state).push(line.raw)
      return
    case 'item':
    case 'text':
      return entry(state, line)
  }
}

const free = (state: State): string[] => (state.section === 'goal' ? state.goal : state.notes)

function heading(state: State, line: Line & { kind: 'heading' }): void {
  if (line.level === 1 && !state.title && line.text && !isReserved(line.section)) {
    state.title = unescapeTitle(oneLine(line.text))
    state.section = 'goal'
    state.level = PREAMBLE
    return
  }
  if (line.section) {
    if (line.section === 'verify') state.verifyHeading ??= line.start
    state.section = line.section
    state.level = line.level
    free(state).push('')
    return
  }
  // A deeper unknown heading belongs to its section; any other begins a part that becomes notes.
  if (line.level <= state.level) {
    state.section = 'other'
    state.level = line.level
  }
  if (state.section === 'goal' || state.section === 'notes' || state.section === 'other') {
    free(state).push(line.level >= 3 ? line.raw : `### ${line.text}`.trimEnd())
  }
}

/** "# Task" is a fine title; a title that reads like one of these sections needs a backslash. */
export function isReserved(section: SectionName | null): boolean {
  return section !== null && section !== 'tasks' && section !== 'goal'
}

/** A title that reads like a section's name was written with a backslash. */
function unescapeTitle(title: string): string {
  return title.startsWith('\\') && isReserved(sectionOf(title)) ? title.slice(1) : title
}

function box(state: State, line: Line & { kind: 'box' }): void {
  if (state.section === 'verify') {
    const code = leadingCode(line.text)
    if (code) addCommand(state, code, line.start)
    else criterion(state, line.text, line.indent)
    return
  }
  if (state.section === 'acceptance') return criterion(state, line.text, line.indent)
  const text = [line.text]
  state.boxes.push({ text, done: line.done, mark: line.mark })
  state.open = { indent: line.indent, text }
}

function criterion(state: State, text: string, indent: number): void {
  const lines = [text]
  state.acceptance.push(lines)
  state.open = { indent, text: lines }
}

function entry(state: State, line: Line & { kind: 'item' | 'text' }): void {
  if (state.section === 'acceptance') return criterion(state, line.kind === 'item' ? unescapeItem(line.text) : line.text, line.indent)
  if (state.section === 'verify') {
    const code = leadingCode(line.text.trim())
    if (code) return addCommand(state, code, line.start)
  }
  if (state.section === 'files' && line.kind === 'item') {
    const path = leadingCode(line.text) ?? /^[^\s`]*[./][^\s`]*/.exec(line.text)?.[0]
    if (path) return void state.files.push(path)
  }
  free(state).push(line.kind === 'item' ? line.raw : unescapeLine(line.text))
}

/** Inverse of the renderer's escape for an item that would read as a box or a fence. */
function unescapeItem(text: string): string {
  return text.startsWith('\\') && looksLikeMark(text) ? text.slice(1) : text
}

/** Whether an item's text, without its backslashes, would read as a box or a fence. */
export function looksLikeMark(text: string): boolean {
  let start = 0
  while (text[start] === '\\') start += 1
  const rest = text.slice(start)
  return /^\[[ xX]\]\s/.test(rest) || fenceMarker(rest) !== null
}

/** The code span that a text begins with: "`bun test` passes" → "bun test". */
function leadingCode(text: string): string | null {
  const ticks = /^`+/.exec(text)?.[0]
  if (!ticks) return null
  const end = closingTicks(text, ticks.length)
  if (end === -1) return null
  const code = text.slice(ticks.length, end).trim()
  return code || null
}

function closingTicks(text: string, width: number): number {
  const runs = /`+/g
  runs.lastIndex = width
  for (let run = runs.exec(text); run; run = runs.exec(text)) if (run[0].length === width) return run.index
  return -1
}

/** A line of a fenced block under Verify; a trailing backslash joins it with the next. */
function command(state: State, line: Line & { kind: 'fence' }): void {
  const text = line.edge ? '' : line.text.trim()
  if (!line.edge && text.endsWith('\\') && !text.startsWith('#')) {
    if (state.pending === '') state.pendingAt = line.start
    state.pending = `${state.pending} ${text.slice(0, -1)}`.trim()
    return
  }
  const whole = `${state.pending} ${text.startsWith('$ ') ? text.slice(2).trim() : text}`.trim()
  const start = state.pending === '' ? line.start : state.pendingAt
  state.pending = ''
  if (whole && !whole.startsWith('#')) addCommand(state, whole, start)
}

function addCommand(state: State, command: string, start: number): void {
  state.verify.push(command)
  state.verifyAt.push(start)
}
