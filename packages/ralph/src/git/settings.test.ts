import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { filterNames, keptSettings, settingsEnv, withoutFilters, type Setting } from './settings.ts'

describe('settings of git', () => {
  test('what is said with a call comes in the order it is looked at: ours last, so that it wins', () => {
    const env = settingsEnv('worktree', [['core.autocrlf', 'true'], ['core.hooksPath', '/theirs']])
    const names = Array.from({ length: Number(env.GIT_CONFIG_COUNT) }, (_, index) => `${env[`GIT_CONFIG_KEY_${index}`]}=${env[`GIT_CONFIG_VALUE_${index}`]}`)
    expect(names.slice(0, 2)).toEqual(['core.autocrlf=true', 'core.hooksPath=/theirs'])
    expect(names.indexOf('core.hooksPath=/dev/null')).toBeGreaterThan(1)
    expect(names.at(-1)).toBe('core.sparseCheckout=false')
    expect(Object.keys(env)).toHaveLength(names.length * 2 + 1)
  })

  test.each<[string, string | null, Setting[]]>([
    ['', null, []],
    ['', '/home/x/.config', [['core.excludesfile', '/home/x/.config/git/ignore'], ['core.attributesfile', '/home/x/.config/git/attributes']]],
    ['core.autocrlf\ntrue\0core.autocrlf\nfalse\0', null, [['core.autocrlf', 'false']]],
    ['core.filemode\0', null, [['core.filemode', 'true']]],
    ['core.excludesfile\n/a\nb\0', '/home/x/.config', [['core.excludesfile', '/a\nb'], ['core.attributesfile', '/home/x/.config/git/attributes']]],
  ])('%j with %j', (output, home, expected) => {
    expect(keptSettings(output, home)).toEqual(expected)
  })

  test.each<[string, string[]]>([
    ['', []],
    ['filter.lfs.clean\0filter.lfs.required\0filter.x.smudge\0', ['x']],
    ['filter.a.b=c.process\0filter.new\nline.clean\0', ['a.b=c', 'new\nline']],
    ['filter.clean\0', []],
  ])('filters named by %j', (output, names) => {
    expect(filterNames(output).filter((name) => !['lfs', 'git-crypt', 'crypt', 'annex'].includes(name))).toEqual(names)
    expect(filterNames(output)).toContain('lfs')
  })

  test('any driver is taken out whole, whatever its name', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }).filter((name) => !name.includes('\0')), (name) => {
        const [found = ''] = filterNames(`filter.${name}.smudge\0`)
        expect(found).toBe(name)
        expect(withoutFilters([found])).toEqual([[`filter.${name}.clean`, ''], [`filter.${name}.smudge`, ''], [`filter.${name}.process`, ''], [`filter.${name}.required`, 'false']])
      }),
    )
  })
})
