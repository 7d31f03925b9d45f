import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openPlace } from '../place.ts'
import type { Repo } from '../testing.ts'
import { changed, greet, makeHostile, makeTrap, put, ralph, sh } from './testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
let trap: ReturnType<typeof makeTrap> | undefined
afterEach(async () => {
  trap?.remove()
  trap = undefined
  await repo?.remove()
})

const CRLF = 'one\r\ntwo\r\n'
const UTF16 = Buffer.from('\ufeffone\ntwo\n', 'utf16le')
const sums = (names: string): string => `sha256sum ${names}`

describe('a checkout keeps its bytes, and the clean room has the same', () => {
  /** What git is told and what lies in the tree before the run; the checks compare sums taken from the checkout. */
  const CASES: [string, Record<string, string>, () => void][] = [
    ['CRLF files that git leaves alone', { 'x.txt': CRLF }, () => undefined],
    ['core.autocrlf=true', { 'x.txt': 'one\ntwo\n' }, () => { repo.git('config', 'core.autocrlf', 'true'); sh(repo.dir, 'rm x.txt; git checkout -q x.txt; grep -q $(printf "\\r") x.txt') }],
    ['core.autocrlf=true, with an index that is not up to date', { 'x.txt': 'one\ntwo\n' }, () => { repo.git('config', 'core.autocrlf', 'true'); put(repo, 'x.txt', CRLF) }],
    ['core.autocrlf=input', { 'x.txt': CRLF }, () => repo.git('config', 'core.autocrlf', 'input')],
    ['eol=crlf', { '.gitattributes': '*.txt text eol=crlf\n', 'x.txt': 'one\ntwo\n' }, () => sh(repo.dir, 'rm x.txt; git checkout -q x.txt')],
    ['core.eol=crlf with text=auto', { '.gitattributes': '* text=auto\n', 'x.txt': 'one\ntwo\n' }, () => { repo.git('config', 'core.eol', 'crlf'); sh(repo.dir, 'rm x.txt; git checkout -q x.txt') }],
    ['another encoding in the tree', { '.gitattributes': 'x.txt working-tree-encoding=UTF-16LE-BOM\n' }, () => { writeFileSync(join(repo.dir, 'x.txt'), UTF16); sh(repo.dir, 'git add -A; git commit -qm utf16') }],
    ['ident', { '.gitattributes': '*.txt ident\n', 'x.txt': '$Id$\n' }, () => sh(repo.dir, 'rm x.txt; git checkout -q x.txt')],
  ]
  test.each(CASES)('%s', async (_name, files, arrange) => {
    repo = await makeHostile({ 'a.txt': 'a\n', ...files })
    arrange()
    const base = repo.git('rev-parse', 'HEAD')
    const before = sh(repo.dir, sums('x.txt'))
    const ran = await ralph(repo, [greet((task) => put(task, 'made.txt', CRLF))], { options: { verify: [`test "$(${sums('x.txt')})" = "${before}"`] } })
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
    expect(changed(repo, base)).toEqual(['greeting.txt', 'made.txt'])
    expect(sh(repo.dir, sums('x.txt'))).toBe(before)
    expect(repo.git('status', '--porcelain')).toBe('')
  })

  test('an edited line is one changed line, as the user has set line ends for all of their repositories', async () => {
    trap = makeTrap()
    writeFileSync(join(trap.dir, '.gitconfig'), '[core]\n\tautocrlf = true\n')
    repo = await makeHostile({ 'x.txt': 'one\ntwo\nthree\n' })
    put(repo, 'x.txt', 'one\r\ntwo\r\nthree\r\n')
    const base = repo.git('rev-parse', 'HEAD')
    const home = { HOME: trap.dir }
    const ran = await ralph(repo, [greet(() => put(repo, 'x.txt', readFileSync(join(repo.dir, 'x.txt'), 'utf8').replace('two', '2')))], {
      open: (given) => openPlace({ ...given, home }),
      options: { verify: ['test "$(head -1 x.txt)" = "$(printf "one\\r")"'] },
    })
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0, report: { diff: { files: 2, insertions: 2, deletions: 1 } } }])
    expect(repo.git('diff', '--shortstat', base, 'HEAD')).toBe('2 files changed, 2 insertions(+), 1 deletion(-)')
    expect(repo.git('show', 'HEAD:x.txt')).toBe('one\n2\nthree')
  })
})
