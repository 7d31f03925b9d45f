import { describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadScripts } from './load.ts'
import { defineScript, parseScript, ScriptError } from './script.ts'

describe('a script with a mistake names the file and the field', () => {
  test.each([
    ['rules: [', 'f.yml: is not YAML'],
    ['hello', 'f.yml: (file): '],
    ['rules: []', 'f.yml: rules: '],
    ['rules: [{ reply: a, colour: red }]', 'f.yml: rules[0].colour: unknown field'],
    ['rules: [{ reply: a }, { match: { prompts: a }, reply: a }]', 'f.yml: rules[1].match.prompts: unknown field'],
    ['rules: [{ match: {} }]', 'f.yml: rules[0]: needs exactly one of reply, turns, fault'],
    ['rules: [{ reply: a, fault: overloaded }]', 'f.yml: rules[0]: needs exactly one of reply, turns, fault'],
    ['rules: [{ fault: tired }]', 'f.yml: rules[0].fault: must be one of usage_limit, '],
    ['rules: [{ reply: [{ tol: Bash }] }]', 'f.yml: rules[0].reply: must be a text, or a list of'],
    [`rules: [{ match: { prompt: '/(/' }, reply: a }]`, 'f.yml: rules[0].match.prompt'],
    [`rules: [{ reply: '{{who}}' }]`, 'f.yml: rules[0].reply: {{who}} is neither'],
    ['rules: [{ match: { turn: 1 }, turns: [a] }]', 'f.yml: rules[0].match.turn: turns counts by itself'],
    ['rules: [{ reply: a, times: 0 }]', 'f.yml: rules[0].times: '],
  ])('%s', (text, message) => {
    expect(() => parseScript(text, 'f.yml')).toThrow(ScriptError)
    expect(() => parseScript(text, 'f.yml')).toThrow(message)
  })
})

test('a script may be data in code', () => {
  expect(defineScript({ rules: [{ reply: 'a' }] }).rules[0]?.reply).toEqual([{ text: 'a' }])
})

test('a folder is read in the order of its names, JSON beside YAML; an empty or missing one is said', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'scripts-'))
  try {
    await expect(loadScripts(dir)).rejects.toThrow('has no script')
    await expect(loadScripts(join(dir, 'no'))).rejects.toThrow('cannot be read')
    await Bun.write(join(dir, 'b.yml'), 'name: second\nrules: [{ reply: b }]\n')
    await Bun.write(join(dir, 'a.json'), '{"name":"first","rules":[{"reply":"a"}]}')
    await Bun.write(join(dir, 'notes.txt'), 'not a script')
    expect((await loadScripts(dir)).map((script) => script.name)).toEqual(['first', 'second'])
  } finally {
    await rm(dir, { recursive: true })
  }
})
