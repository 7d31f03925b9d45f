import { expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findClaude } from './find.ts'

test('the flag wins, then the variable; a path that cannot be run is an error', () => {
  const dir = mkdtempSync(join(tmpdir(), 'ralph-find-'))
  try {
    const bin = join(dir, 'claude')
    writeFileSync(bin, '#!/bin/sh\n')
    expect(findClaude({ flag: bin, env: null, path: '' })).toEqual({ problem: `--claude is "${bin}", which is not an executable file` })
    chmodSync(bin, 0o755)
    expect(findClaude({ flag: bin, env: '/nonexistent', path: '' })).toEqual({ bin })
    expect(findClaude({ flag: null, env: bin, path: '' })).toEqual({ bin })
    expect(findClaude({ flag: null, env: '/nonexistent', path: dir })).toHaveProperty('problem', expect.stringContaining('CLAUDE_BIN'))
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('without either the pinned package is found', () => {
  const found = findClaude({ flag: null, env: null, path: '' })
  expect('bin' in found && existsSync(found.bin)).toBe(true)
})
