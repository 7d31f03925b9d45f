import { describe, expect, test } from 'bun:test'
import { filledByRun, isDiskFull, saysDiskFull } from './full.ts'

describe('what says that the disk is full', () => {
  test.each([
    ['fatal: write error: No space left on device', true],
    ['npm ERR! nospc ENOSPC: no space left on device, write', true],
    ['OSError: [Errno 28] No space left on device', true],
    ['tar: a: Cannot write: Disk quota exceeded', true],
    ['tar: deps: Wrote only 512 of 10240 bytes', true],
    ['first line\nerror: unable to write file a: no space left on device\nlast', true],
    // The other side's disk is not ours.
    ['remote: fatal: No space left on device', false],
    // A limit of the kernel with the same words.
    ['Error: ENOSPC: System limit for number of file watchers reached, watch \'/w\'', false],
    ['tail: inotify cannot be used: No space left on device', false],
    ['there was no space left for doubt', false],
    ['', false],
  ])('%p: %p', (text, is) => {
    expect(saysDiskFull(text)).toBe(is)
  })

  test('an error says it by its code, its words or its cause', () => {
    expect(isDiskFull(Object.assign(new Error('write failed'), { code: 'ENOSPC' }))).toBe(true)
    expect(isDiskFull(Object.assign(new Error('write failed'), { code: 'EACCES' }))).toBe(false)
    expect(isDiskFull(new Error('git commit failed (128): fatal: No space left on device'))).toBe(true)
    expect(isDiskFull(new Error('outer', { cause: Object.assign(new Error('inner'), { code: 'EDQUOT' }) }))).toBe(true)
    expect(isDiskFull('ENOSPC')).toBe(false)
  })

  test.each([
    [0, 100, false],
    [49, 100, false],
    [50, 100, true],
    [0, 0, false],
  ])('a run that wrote %p where %p were free filled it: %p', (written, free, is) => {
    expect(filledByRun({ written, free })).toBe(is)
  })
})
