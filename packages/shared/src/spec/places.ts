import { rawLines, readLines } from './lines.ts'
import { specOffsets } from './parse.ts'

/** Where the parts of a document stand, in lines from 1. Tasks and commands in their order in the spec. */
export type SpecPlaces = {
  /** Lines in all; at least 1. */
  lines: number
  tasks: { line: number; nested: boolean }[]
  verify: number[]
  verifyHeading: number | null
  /** The first box that is no task, and where it stands. */
  hidden: { line: number; in: 'fence' | 'comment' | 'acceptance' } | null
  /** A fence that is never closed. */
  openFence: number | null
}

const BOX = /^\s*(?:[-*+]|\d{1,9}[.)])\s+\[[ xX]\]\s+\S/

/** Finds where things stand, for people and their editors. Linear in the text. */
export function locateSpec(markdown: string): SpecPlaces {
  const raw = [...rawLines(markdown)]
  const lineAt = (offset: number): number => upperBound(raw, offset)
  const { tasks, verify, verifyHeading } = specOffsets(markdown)
  const marks = new Set(tasks)
  const nested = new Set<number>()
  let outer: number[] = []
  let hidden: SpecPlaces['hidden'] = null
  let openFence: number | null = null
  const hide = (start: number, where: 'fence' | 'comment' | 'acceptance'): void => {
    hidden ??= { line: lineAt(start), in: where }
  }
  for (const line of readLines(markdown)) {
    if (line.kind === 'heading') outer = []
    else if (line.kind === 'fence' && line.edge) openFence = openFence === null ? lineAt(line.start) : null
    else if (line.kind === 'fence' && BOX.test(line.text)) hide(line.start, 'fence')
    else if (line.kind === 'comment' && BOX.test((raw[lineAt(line.start) - 1]?.raw ?? '').replace(/^\s*<!--/, ''))) hide(line.start, 'comment')
    else if (line.kind === 'box' && !marks.has(line.mark)) hide(line.start, 'acceptance')
    else if (line.kind === 'box') {
      outer = [...outer.filter((indent) => indent < line.indent), line.indent]
      if (outer.length > 1) nested.add(line.mark)
    }
  }
  return {
    // What follows the last line end is no line when it is empty.
    lines: Math.max(1, raw.at(-1)?.raw === '' ? raw.length - 1 : raw.length),
    tasks: tasks.map((mark) => ({ line: lineAt(mark), nested: nested.has(mark) })),
    verify: verify.map(lineAt),
    verifyHeading: verifyHeading === null ? null : lineAt(verifyHeading),
    hidden,
    openFence,
  }
}

/** The number, from 1, of the line that holds an offset. */
function upperBound(lines: readonly { start: number }[], offset: number): number {
  let [low, high] = [0, lines.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((lines[middle]?.start ?? Infinity) <= offset) low = middle + 1
    else high = middle
  }
  return low
}
