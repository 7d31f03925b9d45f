import { closesFence, escapeLine, fenceMarker, rawLines, sectionOf } from './lines.ts'
import { isReserved, looksLikeMark, oneLine } from './parse.ts'
import type { Spec } from './types.ts'

/** SPEC.md of a spec. `parseSpec(renderSpec(spec))` is the same spec again. */
export function renderSpec(spec: Spec): string {
  const parts: string[] = []
  if (spec.title.trim()) parts.push(`# ${title(oneLine(spec.title))}`)
  section(parts, 'Goal', prose(spec.goal))
  section(parts, 'Tasks', spec.tasks.map((task) => `- [${task.done ? 'x' : ' '}] ${oneLine(task.text)}`).join('\n'))
  section(parts, 'Acceptance criteria', spec.acceptance.map((text) => `- ${item(oneLine(text))}`).join('\n'))
  section(parts, 'Verify', verify(spec.verify))
  section(parts, 'Likely files', spec.files.map((path) => `- ${code(oneLine(path))}`).join('\n'))
  section(parts, 'Notes', prose(spec.notes))
  return `${parts.join('\n\n')}\n`
}

/** The heading of a spec, safe even where the title reads like a section's name or ends in `#`. */
export function title(text: string): string {
  const escaped = isReserved(sectionOf(text)) ? `\\${text}` : text
  return /(^|\s)#+$/.test(escaped.slice(-200)) ? `${escaped} #` : escaped
}

function section(parts: string[], name: string, body: string): void {
  if (body) parts.push(`## ${name}\n\n${body}`)
}

const item = (text: string): string => (looksLikeMark(text) ? `\\${text}` : text)

/** Free text with every line that would be read as structure escaped. */
function prose(text: string): string {
  const lines = [...rawLines(text.trim())].map(({ raw }) => raw)
  const balanced = fold(lines, (line, fenced) => (fenced ? line : escapeLine(line)))
  // A fence that never closes would swallow the sections after it: then fences too are mere text.
  return (balanced ?? lines.map(escapeLine)).join('\n')
}

function fold(lines: string[], map: (line: string, fenced: boolean) => string): string[] | null {
  let fence: string | null = null
  const mapped = lines.map((line) => {
    if (fence !== null) {
      if (closesFence(line, fence)) fence = null
      return map(line, true)
    }
    if (line.trimStart().startsWith('<!--')) return map(line, false)
    fence = fenceMarker(line)
    return map(line, fence !== null)
  })
  return fence === null ? mapped : null
}

function verify(commands: readonly string[]): string {
  const lines = commands.map((command) => [...rawLines(command)].map(({ raw }) => raw.trim()).filter(Boolean).join(' && ')).filter(Boolean)
  if (lines.length === 0) return ''
  const plain = lines.every((line) => !/^(#|\$ |`{3}|~{3})/.test(line) && !line.endsWith('\\'))
  return plain ? `\`\`\`sh\n${lines.join('\n')}\n\`\`\`` : lines.map((line) => `- ${code(line)}`).join('\n')
}

/** A code span, its delimiters longer than any run of backticks within. */
function code(text: string): string {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length))
  if (longest === 0) return `\`${text}\``
  const ticks = '`'.repeat(longest + 1)
  return `${ticks} ${text} ${ticks}`
}
