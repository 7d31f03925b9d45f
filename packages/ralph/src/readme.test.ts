import { RALPH_EXIT } from '@factory/shared/ralph'
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exitCodes } from './cli/exit-codes.ts'
import { COMMANDS } from './cli/flags.ts'
import { helpText } from './cli/help.ts'
import { eventReference } from './events/reference.ts'
import { withBlocks } from './readme.ts'

const root = join(import.meta.dir, '../../..')
const readme = readFileSync(join(root, 'packages/ralph/README.md'), 'utf8')
const flagsIn = (text: string): string[] => [...new Set(text.match(/--[a-z][a-z-]*[a-z]/g))].sort()

describe('documents that are made of the code ("bun run docs" makes them anew)', () => {
  test('the reference of the events', () => expect(readFileSync(join(root, 'docs/ralph-events.md'), 'utf8')).toBe(eventReference()))
  test('the tables of the README', () => expect(readme).toBe(withBlocks(readme)))
  test('a README without a block is a mistake', () => expect(() => withBlocks('# Ralph')).toThrow('no block of flags'))
})

describe('help and README', () => {
  test('name the same flags', () => {
    // These two are no command's.
    expect(flagsIn(readme).filter((flag) => !['--help', '--version'].includes(flag))).toEqual(flagsIn(helpText()))
  })
  test('name the same commands', () => {
    const named = [...readme.matchAll(/^### `ralph ([a-z -]+?)(?: [A-Z]+)?`$/gm)].map((match) => match[1] ?? '')
    expect(named).toEqual(Object.keys(COMMANDS))
    expect([...helpText().matchAll(/^ralph ([a-z-]+(?: lint)?)/gm)].map((match) => match[1] ?? '')).toEqual(named)
    const prose = [...readme.matchAll(/`ralph ([a-z][a-z-]*(?: lint)?)/g)].map((match) => match[1] ?? '')
    for (const command of prose) expect(Object.keys(COMMANDS)).toContain(command)
  })
  test('name every exit code', () => {
    expect(exitCodes().map(({ code }) => code)).toEqual(Object.values(RALPH_EXIT).toSorted((a, b) => a - b))
    for (const { code, means } of exitCodes()) {
      expect(readme).toContain(`| ${code} | ${means} |`)
      expect(helpText()).toContain(means)
    }
  })
})
