import { expect, test } from 'bun:test'
import { ConfigError } from '@factory/shared'
import { readConfig } from './config.ts'
import { LABEL_LOOKS, labelNames } from './labels.ts'

const env = { GITHUB_TOKEN: 'ghp_x', REPOS: 'o/r, o/s', FACTORY_TOKEN: 'fct_x' }

test('defaults', () => {
  expect(readConfig(env)).toMatchObject({ REPOS: ['o/r', 'o/s'], INTAKE_LABEL: 'ai-factory', POLL_INTERVAL: 60_000, INTAKE_PORT: 3003, INTAKE_AUTHORS: ['OWNER', 'MEMBER', 'COLLABORATOR'] })
})

test.each([
  ['REPOS', { ...env, REPOS: '' }],
  ['REPOS', { ...env, REPOS: 'just-a-name' }],
  ['FACTORY_TOKEN', { ...env, FACTORY_TOKEN: '' }],
  ['GITHUB_TOKEN', { ...env, GITHUB_TOKEN: '' }],
  ['POLL_INTERVAL', { ...env, POLL_INTERVAL: '10' }],
  ['INTAKE_LABEL', { ...env, INTAKE_LABEL: 'x'.repeat(40) }],
  ['INTAKE_LABEL', { ...env, INTAKE_LABEL: 'a,b' }],
  ['WEBHOOK_SECRET', { ...env, WEBHOOK_SECRET: 'short' }],
  ['INTAKE_AUTHORS', { ...env, INTAKE_AUTHORS: ',' }],
])('a wrong %s is named', (name, wrong) => {
  try {
    readConfig(wrong)
    expect.unreachable()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    expect(error.problems).toHaveLength(1)
    expect(error.problems[0]).toStartWith(`${name} `)
  }
})

test('every label fits GitHub’s limits with the longest trigger', () => {
  for (const name of Object.values(labelNames('x'.repeat(39)))) expect(name.length).toBeLessThanOrEqual(50)
  for (const { description } of Object.values(LABEL_LOOKS)) expect(description.length).toBeLessThanOrEqual(100)
})
