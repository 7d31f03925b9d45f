import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeOwn } from './files.ts'

let dir: string
let other: string | null = null
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ralph-replace-'))
})
afterEach(() => {
  for (const path of [dir, other]) if (path !== null) rmSync(path, { recursive: true, force: true })
})

test('whoever looks sees the old text or the new one, whole', async () => {
  const file = join(dir, 'file')
  const texts = ['a', 'b'].map((letter) => letter.repeat(2_000_000))
  writeFileSync(file, texts[0] ?? '')
  let writing = true
  const looks = new Set<string>()
  const write = (async () => {
    for (let round = 0; round < 20; round += 1) await writeOwn(file, texts[round % 2] ?? '', { temporary: join(dir, 'tmp'), durable: round % 5 === 0 })
    writing = false
  })()
  while (writing) {
    const text = readFileSync(file, 'utf8')
    looks.add(`${text.length} ${text[0] === text.at(-1)}`)
    await new Promise(setImmediate)
  }
  await write
  expect([...looks]).toEqual(['2000000 true'])
  expect(readdirSync(dir)).toEqual(['file'])
})

const far = '/dev/shm'
test('on another file system it is written all the same', async () => {
  // Only where there is another file system at hand; without one there is nothing to fall back from.
  if (!existsSync(far) || statSync(far).dev === statSync(tmpdir()).dev) return
  other = mkdtempSync(join(far, 'ralph-replace-'))
  await writeOwn(join(other, 'file'), 'text', { temporary: join(dir, 'tmp') })
  expect(readFileSync(join(other, 'file'), 'utf8')).toBe('text')
  expect(readdirSync(dir)).toEqual([])
})
