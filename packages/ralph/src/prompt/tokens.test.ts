import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { estimateTokens, keepEnd, keepStart } from './tokens.ts'

const anyText = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ maxLength: 200 }), fc.array(fc.nat(0xffff), { maxLength: 60 }).map((codes) => String.fromCharCode(...codes)))

describe('an estimate', () => {
  test('of nothing is nothing', () => expect(estimateTokens('')).toBe(0))

  test('of two texts together is that of each, but for rounding', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        const [both, apart] = [estimateTokens(a + b), estimateTokens(a) + estimateTokens(b)]
        return both >= estimateTokens(a) && both <= apart && both >= apart - 1
      }),
    )
  })

  test('is never below an eighth of the bytes, nor above two for each UTF-16 unit', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const bytes = Buffer.byteLength(text)
        return estimateTokens(text) >= bytes / 8 && estimateTokens(text) <= text.length * 2
      }),
    )
  })

  /**
   * Counted with the vocabulary published for an earlier Claude model. The estimate must not fall below
   * the count, and be no more than so many times it.
   */
  const COUNTED: [string, string, number, number][] = [
    ['prose', 'Ralph works off a checklist in a git checkout: one task at a time, each iteration with a fresh context. It does not believe the agent that the work is done.', 36, 1.8],
    ['German', 'Diese Aufgabe verlangt, dem Verzeichnis eine neue Route hinzuzufügen und Prüfungen dafür zu schreiben.', 35, 1.4],
    ['code', 'export function fitWidth(text: string, columns: number): string {\n  if (columns < 1) return \'\'\n  for (const { segment } of graphemes.segment(near)) kept += segment\n  return `${kept}…`\n}\n', 54, 1.7],
    ['minified code', 'function a(b,c){if(!b||c>9)return null;let d=[];for(let e=0;e<c;e++)d.push(b[e]?.f??0);return{g:d,h:()=>d.map((i)=>i*2)}}', 69, 1.4],
    ['Chinese', '这个任务需要在仓库中添加一个新的路由,并且为它编写测试。请不要修改检查清单中的其他内容。', 32, 2],
    ['Japanese', 'このタスクでは、リポジトリに新しいルートを追加し、テストを書く必要があります。', 35, 1.7],
    ['Russian', 'Эта задача требует добавить новый маршрут в репозиторий и написать для него тесты.', 43, 1.7],
    ['a stack trace', 'at Object.<anonymous> (/home/x/src/a.test.ts:12:34)\n    expect(received).toBe(expected)\n\n    Expected: 5\n    Received: 3\n', 41, 1.6],
    ['emoji', '😀🚀🧪🔥✅❌👩‍💻', 19, 2],
  ]
  test.each(COUNTED)('of %s', (_name, text, counted, atMost) => {
    const estimate = estimateTokens(text)
    expect(estimate).toBeGreaterThanOrEqual(counted)
    expect(estimate).toBeLessThanOrEqual(counted * atMost)
  })

  test('of random letters and digits, the dearest text there is, can be a little low', () => {
    expect(estimateTokens('3f2a9c1b7e4d4a0e8b6c5d2f1a9e8c7b 9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d')).toBeGreaterThan(57 * 0.7)
  })
})

test('what is kept is the beginning or the end, within its room, in whole characters', () => {
  fc.assert(
    fc.property(anyText, fc.nat(120), (raw, room) => {
      const text = raw.toWellFormed()
      for (const [keep, cut] of [[keepStart, /\n\[cut\]$/], [keepEnd, /^\[cut\]\n/]] as const) {
        const kept = keep(text, room)
        expect(estimateTokens(kept)).toBeLessThanOrEqual(room)
        expect(kept.isWellFormed()).toBe(true)
        if (estimateTokens(text) <= room) expect(kept).toBe(text)
        else if (kept !== '') expect(keep === keepStart ? text.startsWith(kept.replace(cut, '')) : text.endsWith(kept.replace(cut, ''))).toBe(true)
      }
    }),
  )
})
