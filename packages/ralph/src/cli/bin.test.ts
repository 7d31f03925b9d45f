import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, symlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { makeRepo, PATH, type Repo } from '../testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

const BIN = resolve(import.meta.dir, '../../bin/ralph')
let repo: Repo
afterEach(() => repo?.remove())

test('bin/ralph runs nothing of the directory it is started in, and is found through a link', async () => {
  repo = await makeRepo({ 'bunfig.toml': 'preload = ["./evil.ts"]\n', 'evil.ts': "require('node:fs').writeFileSync('ran', '')\n", '.env': 'CLAUDE_BIN=/nonexistent/from-env\n' })
  symlinkSync(BIN, join(repo.dir, 'linked'))
  const started = Bun.spawnSync([join(repo.dir, 'linked'), 'status'], { cwd: repo.dir, env: { PATH: `${dirname(process.execPath)}:${PATH}` } })
  expect(started.stdout.toString()).toBe('no run here\n')
  expect(started.exitCode).toBe(0)
  expect(existsSync(join(repo.dir, 'ran'))).toBe(false)
})
