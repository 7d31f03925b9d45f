import { describe, expect, test } from 'bun:test'
import { choose, startMemory, type Memory } from './choose.ts'
import type { Conversation } from './conversation.ts'
import { parseScript, type Script } from './script.ts'

const talk = (over: Partial<Conversation> = {}): Conversation => ({ key: 'a', model: 'm', system: 'You are', prompt: 'hello', result: '', turn: 0, cwd: '/w', ...over })

/** Names of the rules that answer a list of conversations, one after the other. */
function answers(scripts: Script[], talks: Conversation[]): (string | null)[] {
  let memory: Memory = startMemory(scripts)
  return talks.map((one) => {
    const chosen = choose(scripts, memory, one)
    if (chosen) memory = chosen.memory
    return chosen?.choice.rule.name ?? null
  })
}

describe('choose', () => {
  test('the first rule that matches wins', () => {
    const script = parseScript('rules: [{ name: a, match: { prompt: nope }, reply: x }, { name: b, match: { prompt: hel }, reply: x }, { name: c, reply: x }]', 'f')
    expect(answers([script], [talk(), talk({ prompt: 'other' })])).toEqual(['b', 'c'])
  })

  test('every condition of a match must hold', () => {
    const script = parseScript(`rules: [{ name: a, match: { prompt: [hello, '/W.RLD/i'], not: bad, system: You, model: sonnet, result: ok, turn: 1 }, reply: x }]`, 'f')
    const good = talk({ prompt: 'hello world', model: 'claude-sonnet', result: 'all ok', turn: 1 })
    expect(answers([script], [good])).toEqual(['a'])
    for (const wrong of [{ prompt: 'hello' }, { prompt: 'hello world bad' }, { system: '' }, { model: 'x' }, { result: '' }, { turn: 0 }]) expect(answers([script], [{ ...good, ...wrong }])).toEqual([null])
  })

  test('a substring is taken literally', () => {
    const script = parseScript(`rules: [{ name: a, match: { prompt: 'a.b(' }, reply: x }]`, 'f')
    expect(answers([script], [talk({ prompt: 'say a.b(c)' }), talk({ prompt: 'say axb(c)' })])).toEqual(['a', null])
  })

  test('times counts requests of a reply, conversations of turns', () => {
    const script = parseScript('rules: [{ name: fault, fault: overloaded, times: 2 }, { name: steps, turns: [one, two], times: 1 }, { name: rest, reply: x }]', 'f')
    expect(answers([script], [talk(), talk(), talk(), talk({ turn: 1 }), talk({ key: 'b' }), talk({ key: 'b', turn: 1 })])).toEqual(['fault', 'fault', 'steps', 'steps', 'rest', 'rest'])
  })

  test('turns answers a retried turn again and stops after the last', () => {
    const script = parseScript('rules: [{ name: steps, turns: [one, two], times: 1 }]', 'f')
    expect(answers([script], [talk(), talk(), talk({ turn: 1 }), talk({ turn: 2 })])).toEqual(['steps', 'steps', 'steps', null])
  })

  test('states let a scenario advance between conversations', () => {
    const script = parseScript('{ state: first, rules: [{ name: a, match: { state: first }, turns: [x, y], next: second }, { name: b, match: { state: second }, reply: z }] }', 'f')
    expect(answers([script], [talk(), talk({ turn: 1 }), talk({ key: 'b' })])).toEqual(['a', 'a', 'b'])
  })

  test('templates fill in texts and tool inputs, never their captured values again', () => {
    const script = parseScript(`rules: [{ match: { prompt: '/fix (?<file>\\S+) for (\\w+)/' }, reply: [{ text: 'I fix {{file}} for {{2}} in \\{{cwd}}' }, { tool: Read, input: { deep: [{ path: '{{ cwd }}/{{file}}' }], n: 3 } }] }]`, 'f')
    const chosen = choose([script], startMemory([script]), talk({ prompt: 'fix {{cwd}}.ts for Ada' }))
    expect(chosen?.choice.blocks).toEqual([{ text: 'I fix {{cwd}}.ts for Ada in {{cwd}}' }, { tool: 'Read', input: { deep: [{ path: '/w/{{cwd}}.ts' }], n: 3 } }])
  })
})
