import { afterEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { main } from '../cli/commands.ts'
import { installManaged, isOurs, managedSettings } from './managed.ts'
import { hookSettings } from './settings.ts'

const made: string[] = []
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true })
})
function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ralph-managed-'))
  made.push(dir)
  return dir
}

describe('managed settings', () => {
  test('are the hook, nothing but managed hooks, and no secret', async () => {
    const said: string[] = []
    const io = { env: { ANTHROPIC_API_KEY: 'a secret', ANTHROPIC_BASE_URL: 'http://address' }, cwd: '/', out: (text: string) => void said.push(text), err: () => undefined, color: false, now: () => new Date(0), signal: new AbortController().signal }
    expect(await main(['managed-settings'], io)).toBe(0)
    expect(JSON.parse(said.join(''))).toEqual({ allowManagedHooksOnly: true, ...hookSettings() })
    expect(said.join('')).not.toMatch(/secret|address/)
    expect(said.join('')).toBe(managedSettings())
  })

  test('are installed for all to read, and again over their own', async () => {
    const file = join(folder(), 'etc', 'managed-settings.json')
    const umask = process.umask(0o077)
    try {
      expect(await installManaged({ force: false, file })).toBeNull()
    } finally {
      process.umask(umask)
    }
    expect(readFileSync(file, 'utf8')).toBe(managedSettings())
    expect(statSync(file).mode & 0o777).toBe(0o644)
    writeFileSync(file, managedSettings().replace('/dev/null', '/dev/zero'))
    expect(await installManaged({ force: false, file })).toBeNull()
    expect(readFileSync(file, 'utf8')).toBe(managedSettings())
    expect(readdirSync(join(file, '..'))).toEqual(['managed-settings.json'])
  })

  test.each([
    ['something else', '{"env":{"A":"b"}}'],
    ['no JSON', 'oops'],
    ['nothing', ''],
    ['ours with more in it', managedSettings().replace('{', '{"env":{},')],
    ['somebody else\'s hook', managedSettings().replaceAll('RALPH_EDITS', 'OTHER')],
  ])('do not replace %s, unless they are made to', async (_name, text) => {
    const file = join(folder(), 'managed-settings.json')
    writeFileSync(file, text)
    expect(isOurs(text)).toBe(false)
    expect(await installManaged({ force: false, file })).toContain('--force')
    expect(readFileSync(file, 'utf8')).toBe(text)
    expect(await installManaged({ force: true, file })).toBeNull()
    expect(readFileSync(file, 'utf8')).toBe(managedSettings())
  })

  test('a place that cannot be written is a problem with words', async () => {
    const dir = folder()
    writeFileSync(join(dir, 'file'), '')
    expect(await installManaged({ force: false, file: join(dir, 'file', 'managed-settings.json') })).toContain('cannot be written')
  })
})
