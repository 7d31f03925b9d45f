import { readLines, rawLines } from './lines.ts'
import { oneLine, parseSpec } from './parse.ts'
import { title as headingText } from './render.ts'

/** Control characters but tab and newline, format and filler characters nobody sees, halves of pairs. */
const UNSEEN = /[\p{Cf}\p{Cs}\u{3164}\u{FFA0}]|[\u{115F}-\u{1160}]|[\u{E0100}-\u{E01EF}]|(?![\t\n])\p{Cc}/gu

/** Text as a reader of the issue sees it: no hidden characters, one kind of line end. */
export function visibleText(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(UNSEEN, '')
}

/**
 * The spec of an issue that already carries a checklist: its title and its body without comments and
 * hidden characters. null: the body has no open task of its own and somebody must write the spec (boxes
 * that are all ticked are those of an issue template: "I have searched for duplicates").
 */
export function issueToSpec(title: string, body: string): string | null {
  const clean = withoutComments(visibleText(body)).trim()
  if (parseSpec(clean).tasks.every((task) => task.done)) return null
  const name = oneLine(visibleText(title))
  return name ? `# ${headingText(name)}\n\n${clean}\n` : `${clean}\n`
}

/** Cuts HTML comments that a page would not show; fenced code keeps its own. Linear in the text. */
export function withoutComments(markdown: string): string {
  const lines = [...rawLines(markdown)].map(({ raw }) => ({ raw, keep: raw, fenced: false, cut: false }))
  const starts = [...rawLines(markdown)].map(({ start }) => start)
  let at = 0
  for (const line of readLines(markdown)) {
    while (at + 1 < starts.length && (starts[at + 1] ?? Infinity) <= line.start) at += 1
    const entry = lines[at]
    if (!entry) continue
    if (line.kind === 'fence') entry.fenced = true
    else if (line.kind === 'comment') entry.cut = true
    else if (entry.cut) entry.keep = markdown.slice(line.start, (starts[at] ?? 0) + entry.raw.length)
    if (line.kind === 'comment') entry.keep = ''
  }
  return cutInline(lines)
}

type Entry = { keep: string; fenced: boolean; cut: boolean }

/** Comments that begin within a line of prose end in the same paragraph or are not comments. */
function cutInline(lines: Entry[]): string {
  // nextClose[i]: the first line at or after i, in the same paragraph, that holds "-->"
  const nextClose: number[] = []
  let close = -1
  for (let index = lines.length - 1; index >= 0; index -= 1) {
    const line = lines[index]
    if (!line || line.fenced || line.keep.trim() === '') close = -1
    else if (line.keep.includes('-->')) close = index
    nextClose[index] = close
  }
  const out: string[] = []
  let inside = false
  lines.forEach((line, index) => {
    if (line.cut && line.keep.trim() === '') return
    if (line.fenced) return void out.push(line.keep)
    let text = ''
    let from = 0
    for (;;) {
      if (inside) {
        const end = line.keep.indexOf('-->', from)
        if (end === -1) break
        inside = false
        from = end + 3
      }
      const begin = line.keep.indexOf('<!--', from)
      if (begin === -1) {
        text += line.keep.slice(from)
        break
      }
      const here = line.keep.indexOf('-->', begin + 4)
      if (here === -1 && (nextClose[index + 1] ?? -1) === -1) {
        text += line.keep.slice(from)
        break
      }
      text += line.keep.slice(from, begin)
      inside = true
      from = begin + 4
    }
    if (text.trim() !== '' || line.keep.trim() === '') out.push(text)
  })
  return out.join('\n')
}
