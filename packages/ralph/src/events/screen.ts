import type { RalphEvent } from '@factory/shared'
import { render, type Style } from './render.ts'
import { see, startView, statusLine, type Before } from './view.ts'

export type ScreenOptions = {
  /** Standard error. */
  write: (text: string) => void
  style: Omit<Style, 'columns'>
  /** A terminal that may be drawn on; null: lines one after the other, and nothing else. */
  terminal: { columns: () => number } | null
  before: Before
  /** Epoch milliseconds. */
  now: () => number
  tickMs?: number
}

export type Screen = { show(event: RalphEvent): void; close(): void }

const TICK_MS = 1000

/**
 * What people see: a line an event, and on a terminal one live line below them that is drawn over
 * itself. It is taken away before anything else is printed and at the end, so nothing of it stays.
 */
export function openScreen({ write, style, terminal, before, now, tickMs = TICK_MS }: ScreenOptions): Screen {
  const live = terminal !== null && !style.quiet
  let view = startView(before)
  let drawn = 0

  const erase = (columns: number): string => {
    if (drawn === 0) return ''
    // A terminal that became narrower has wrapped the line that was drawn.
    const up = Math.ceil(drawn / columns) - 1
    drawn = 0
    return `\r${up > 0 ? `\u001b[${up}A` : ''}\u001b[J`
  }
  /** One column stays free: a full line would wrap. */
  const draw = (columns: number): string => {
    const line = statusLine(view, now(), columns - 1)
    drawn = Bun.stringWidth(line)
    return style.color ? `\u001b[36m${line}\u001b[0m` : line
  }
  const redraw = (lines: string): void => {
    if (!live) {
      if (lines !== '') write(lines)
      return
    }
    const columns = Math.max(2, terminal.columns())
    write(`${erase(columns)}${lines}${view.startedMs === null ? '' : draw(columns)}`)
  }
  const ticking = live ? setInterval(() => redraw(''), tickMs) : undefined
  ticking?.unref()

  return {
    show(event) {
      view = see(view, event, before)
      const line = render(event, view, { ...style, columns: terminal === null ? null : Math.max(2, terminal.columns()) })
      if (line !== null || live) redraw(line === null ? '' : `${line}\n`)
    },
    close() {
      clearInterval(ticking)
      if (live) write(erase(Math.max(2, terminal.columns())))
    },
  }
}
