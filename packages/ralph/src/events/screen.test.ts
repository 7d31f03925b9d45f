import { NO_USAGE, RalphEvent, type RalphEventBody } from '@factory/shared/ralph'
import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { render, type Style } from './render.ts'
import { safeLine } from './safe.ts'
import { openScreen, type Screen } from './screen.ts'
import { clock, see, startView, statusLine } from './view.ts'
import { fitWidth, widthOf } from './width.ts'

const NEW = { costUsd: 0, elapsedMs: 0 }
const at = (body: RalphEventBody, seconds = 0): RalphEvent => RalphEvent.parse({ v: 1, seq: 1, run: 'r1', ts: new Date(Date.UTC(2026, 0, 1, 10, 11, 12) + seconds * 1000).toISOString(), ...body })
const task = { id: 'a', text: 'Serve the version' }
const started: RalphEventBody = { event: 'run.started', mode: 'run', baseSha: null, tasks: [{ ...task, done: false }], verify: ['bun test'], model: null, maxIterations: 25, resumed: false }
const turn: RalphEventBody = { event: 'iteration.started', iteration: 3, task, kind: 'work', promptTokens: 500 }
const tool = (summary: string): RalphEventBody => ({ event: 'agent.activity', iteration: 3, kind: 'tool', summary, tool: 'Edit', rule: null, parent: null })
const over: RalphEventBody = { event: 'iteration.finished', iteration: 3, durationMs: 65_000, isError: false, endedBy: null, commit: 'c'.repeat(40), tree: null, usage: { ...NO_USAGE, iterations: 1, costUsd: 0.25 }, text: null }
const finished: RalphEventBody = { event: 'run.finished', exitCode: 0, reason: 'r', until: null, headSha: null, usage: { ...NO_USAGE, iterations: 1, costUsd: 0.25 }, report: null }
const viewOf = (events: RalphEvent[], before = NEW) => events.reduce((view, event) => see(view, event, before), startView(before))

describe('one event as a line', () => {
  const style: Style = { color: false, quiet: false, time: false, columns: null }
  const line = (event: RalphEvent, given: Partial<Style> = {}): string | null => render(event, viewOf([at(started), event]), { ...style, ...given })

  test('with the cost and the time so far', () => {
    expect(line(at(over, 90))).toBe('iteration 3 ended after 01:05, $0.2500, cccccccccc (so far $0.2500, 01:30)')
    expect(line(at(finished, 100))).toBe('ended with 0: r (1 iterations, $0.2500, 01:40)')
  })
  test('coloured only where colour is wanted', () => {
    expect(line(at(finished), { color: true })).toBe('\u001b[32mended with 0: r (1 iterations, $0.2500, 00:00)\u001b[0m')
    expect(line(at(turn), { time: true })).toBe('10:11:12 iteration 3: Serve the version')
  })
  test('quiet says only how it ended', () => {
    expect(line(at(turn), { quiet: true })).toBeNull()
    expect(line(at(finished), { quiet: true })).not.toBeNull()
    expect(line(at({ event: 'heartbeat', iteration: 1, elapsedMs: 1 }))).toBeNull()
  })
  test('cut to the width, but for how it ended', () => {
    expect(line(at(tool('Edit '.repeat(100))), { columns: 40 })).toBe(`${'  Edit Edit Edit Edit Edit Edit Edit Edit'.slice(0, 39)}…`)
    expect(line(at({ ...finished, reason: 'x'.repeat(200) }), { columns: 40 })).toContain('x'.repeat(200))
  })
})

describe('hostile text', () => {
  test.each([
    ['\u001b]0;owned\u0007', '␛]0;owned␇'],
    ['\u001b[2J\u001b[1;1Hgone', '␛[2J␛[1;1Hgone'],
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u009b31mred\u009b2K', 'red\ufffd2K'],
    ['a\rb\nc\td', 'a b c d'],
    ['\u202eevil\u2066x', '\ufffdevil\ufffdx'],
    ['\u001bPq\u001b\\', '␛Pq␛\\'],
    ['fine ü 任务 😀', 'fine ü 任务 😀'],
  ])('%j only prints', (text, shown) => expect(safeLine(text)).toBe(shown))

  test('of any kind, in any event, never reaches the terminal as more than one line of print', () => {
    const nasty = fc.array(fc.oneof(fc.constantFrom('\u001b', '\u009b', '[2K', ']0;x', '\u0007', '\n', '\r', '\u202e', '\ud83d', '\u001b[1m', '\u001b['), fc.string({ unit: 'binary', maxLength: 10 })), { maxLength: 8 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(nasty, nasty, fc.integer({ min: 2, max: 120 }), (a, b, columns) => {
        const events = [at({ ...started, tasks: [{ id: 'a', text: a, done: false }], verify: [b] }), at({ ...turn, task: { id: 'a', text: a } }), at(tool(b)), at({ event: 'task.reopened', task: { id: 'a', text: a }, reason: b, rule: null }), at({ event: 'stuck.detected', rule: a, facts: [b] })]
        const view = viewOf(events)
        for (const shown of [...events.map((event) => render(event, view, { color: false, quiet: false, time: true, columns }) ?? ''), statusLine(view, Date.UTC(2026, 0, 1, 11), columns)]) {
          expect(shown).not.toMatch(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/u)
        }
        expect(widthOf(statusLine(view, 0, columns))).toBeLessThanOrEqual(columns)
      }),
    )
  })
})

describe('the live line', () => {
  const view = viewOf([at(started), at(turn), at(tool('Edit src/routes.ts'))])
  const now = Date.UTC(2026, 0, 1, 10, 12, 17)
  test('task, tool, iteration, cost, time', () => expect(statusLine(view, now, 100)).toBe('Serve the version · Edit src/routes.ts · iteration 3/25 · $0.00 · 01:05'))
  test('cuts task and tool before the figures', () => {
    expect(statusLine(view, now, 58)).toBe('Serve the … · Edit src/r… · iteration 3/25 · $0.00 · 01:05')
    expect(statusLine(view, now, 20)).toBe('iteration 3/25 · $0…')
  })
  test('says what is done when no tool runs', () => {
    expect([started, turn, over, { event: 'limit', kind: 'usage', message: 'm', until: '2026-01-01T12:30:00Z' } as const].map((body) => viewOf([at(body)]).doing)).toEqual(['checking the base', 'thinking', 'checking', 'waiting until 12:30 UTC'])
  })
  test('counts on from what a resumed run had used', () => {
    const resumed = viewOf([at(started), at(over)], { costUsd: 1, elapsedMs: 3_600_000 })
    expect(statusLine(resumed, Date.UTC(2026, 0, 1, 10, 11, 12), 100)).toContain('$1.25 · 1:00:00')
  })
  test.each([[0, '00:00'], [65_000, '01:05'], [3_661_000, '1:01:01'], [-5, '00:00']])('%d ms is %s', (ms, text) => expect(clock(ms)).toBe(text))
  test('widths are those of a terminal', () => {
    expect(fitWidth('任务任务', 8)).toBe('任务任务')
    expect(fitWidth('任务任务', 7)).toBe('任务任…')
    expect(fitWidth('👩‍💻👩‍💻', 3)).toBe('👩‍💻…')
    expect(fitWidth('x'.repeat(100_000), 5)).toBe('xxxx…')
  })
})

/** What a terminal of some width shows after it was written to; knows what the screen uses and no more. */
function terminal(columns: number): { write(text: string): void; rows(): string[] } {
  const rows: string[][] = [[]]
  let [row, column] = [0, 0]
  return {
    write(text) {
      // oxlint-disable-next-line no-control-regex -- they are what is looked for
      for (const [piece] of text.matchAll(/\u001b\[(\d*)([A-Za-z])|[^]/g)) {
        if (piece === '\n') { row += 1; rows[row] ??= []; column = 0 }
        else if (piece === '\r') column = 0
        else if (piece === '\u001b[J') { rows.length = row + 1; rows[row] = (rows[row] ?? []).slice(0, column) }
        else if (piece.length > 1) continue
        else {
          if (column === columns) { row += 1; rows[row] ??= []; column = 0 }
          const line = rows[row]
          if (line) line[column] = piece
          column += 1
        }
      }
    },
    rows: () => rows.map((line) => line.join('')),
  }
}

describe('a terminal', () => {
  const EVENTS = [at(started), at(turn), at(tool('Edit a')), at(tool('x'.repeat(300))), at(over, 70), at(finished, 75)]
  function play(events: readonly RalphEvent[], given: { columns?: number; color?: boolean; live?: boolean; quiet?: boolean } = {}): { tty: ReturnType<typeof terminal>; screen: Screen; written: string } {
    const columns = given.columns ?? 60
    const tty = terminal(columns)
    const result = { tty, written: '' }
    const screen = openScreen({ write: (text) => { result.written += text; tty.write(text) }, style: { color: given.color ?? false, quiet: given.quiet ?? false, time: false }, terminal: given.live === false ? null : { columns: () => columns }, before: NEW, now: () => Date.UTC(2026, 0, 1, 10, 11, 13), tickMs: 1e6 })
    for (const event of events) screen.show(event)
    return Object.assign(result, { screen })
  }

  test('has the live line last, and one line an event above it', () => {
    const { tty } = play(EVENTS.slice(0, 4))
    expect(tty.rows()).toEqual(['run r1: 1 of 1 tasks open; verify: bun test', 'iteration 3: Serve the version', '  Edit a', `  ${'x'.repeat(57)}…`, expect.stringMatching(/^Serve the … · x+… · iteration 3\/25 · \$0\.00 · 00:01$/)])
  })
  test('has nothing of it left at the end', () => {
    for (const columns of [2, 7, 20, 60, 200]) {
      const { tty, screen } = play(EVENTS, { columns, color: true })
      screen.close()
      expect(tty.rows().at(-1)).toBe('')
      expect(tty.rows().filter((line) => line.includes(' · '))).toEqual([])
    }
  })
  test('has nothing of it left either where a key was pressed', () => {
    const { tty, screen } = play(EVENTS.slice(0, 3))
    tty.write('^C')
    screen.close()
    expect(tty.rows()).toEqual(['run r1: 1 of 1 tasks open; verify: bun test', 'iteration 3: Serve the version', '  Edit a', ''])
  })
  test('without one, quiet or plain, no cursor is moved', () => {
    for (const given of [{ live: false }, { quiet: true }]) {
      const ran = play(EVENTS, given)
      ran.screen.close()
      expect(ran.written).not.toContain('\u001b')
      expect(ran.written).not.toContain('\r')
    }
  })
  test('is redrawn by a timer while nothing happens', async () => {
    let clockMs = Date.UTC(2026, 0, 1, 10, 11, 12)
    const seen: string[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    const screen = openScreen({ write: (text) => { seen.push(text); if (seen.length > 4) resolve() }, style: { color: false, quiet: false, time: false }, terminal: { columns: () => 80 }, before: NEW, now: () => (clockMs += 1000), tickMs: 1 })
    screen.show(at(started))
    const alive = setInterval(() => undefined, 1000)
    await promise
    clearInterval(alive)
    screen.close()
    expect(seen.slice(0, 4).map((text) => /\d\d:\d\d\r$/.exec(text)?.[0].trim())).toEqual(['00:01', '00:02', '00:03', '00:04'])
  })
})
