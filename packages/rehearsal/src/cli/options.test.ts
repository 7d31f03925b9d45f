import { expect, test } from 'bun:test'
import { readOptions } from './options.ts'

test('defaults are the sample on two fixed ports of loopback', () => {
  expect(readOptions(['both'])).toEqual({
    kind: 'run',
    options: { forge: true, model: true, host: '127.0.0.1', port: 4010, modelPort: 4011, scripts: null, data: null, repos: [{ name: 'demo/tidy-text', from: null }], webhook: null, token: null, login: 'factory-bot', publicUrl: null, controlToken: null, json: false },
  })
})

test('options come with a space or an equals sign, repositories many times', () => {
  expect(readOptions(['forge', '--port=0', '--repo', 'a/b=./x=y', '--repo', 'c/d', '--webhook', 'http://h/', '--secret', 's', '--json'])).toMatchObject({
    kind: 'run',
    options: { forge: true, model: false, port: 0, json: true, repos: [{ name: 'a/b', from: './x=y' }, { name: 'c/d', from: null }], webhook: { url: 'http://h/', secret: 's' } },
  })
  expect(readOptions(['model', '--help'])).toEqual({ kind: 'help' })
})

test.each([
  [[], 'say what to start'],
  [['everything'], '"everything" is none of forge, model, both'],
  [['forge', 'model'], '"forge model" is none of'],
  [['both', '--colour'], '--colour is not an option'],
  [['both', '--port'], '--port needs a value'],
  [['both', '--data', '--json'], '--data needs a value'],
  [['both', '--port', '70000'], '--port 70000 is not a port'],
  [['both', '--model-port', 'x'], '--model-port x is not a port'],
  [['both', '--webhook', 'http://h/'], '--webhook and --secret go together'],
  [['both', '--webhook', 'file:///x', '--secret', 's'], 'is not an http(s) address'],
  [['both', '--repo', 'name=dir'], 'name is not owner/name'],
])('%j: %s', (args, problem) => {
  expect(readOptions(args)).toMatchObject({ kind: 'wrong', problem: expect.stringContaining(problem) })
})
