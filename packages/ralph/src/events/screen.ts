import type { RalphEvent } from '@factory/shared/ralph'
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
  let drawn = false

  /**
   * The cursor waits at the beginning of the line: from there one sequence clears all of it, also
   * where the terminal became narrower and wrapped it, or echoed a key that was pressed.
   */
  const erase = (): string => {
    if (!drawn) return ''
    drawn = false
    return '\r\u001b[J'
  }
  /** One column stays free: a full line would wrap. */
  const draw = (columns: number): string => {
    drawn = true
    const line = statusLine(view, now(), columns - 1)
    return `${style.color ? `\u001b[36m${line}\u001b[0m` : line}\r`
  }
  const redraw = (lines: string): void => {
    if (!live) {
      if (lines !== '') write(lines)
      return
    }
    write(`${erase()}${lines}${view.startedMs === null ? '' : draw(Math.max(2, terminal.columns()))}`)
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
      if (live) write(erase())
    },
  }
}
