import { expect, test } from 'bun:test'
import { readEnvironment } from './config.ts'

const GIVEN = { PATH: '/bin', HOME: '/root', GITHUB_TOKEN: 'no', AWS_SECRET_ACCESS_KEY: 'no', ANTHROPIC_API_KEY: 'key', ANTHROPIC_BASE_URL: 'http://gateway', HTTPS_PROXY: 'http://door', CLAUDE_CODE_OAUTH_TOKEN: '', CLAUDE_BIN: '/opt/claude' }

test('the agent gets the credential of its model and what makes it repeatable, nothing else', () => {
  const { agent, claudeBin } = readEnvironment(GIVEN, true)
  expect(claudeBin).toBe('/opt/claude')
  expect(agent).toEqual({
    PATH: '/bin',
    LANG: 'C.UTF-8',
    TMPDIR: '/tmp',
    HTTPS_PROXY: 'http://door',
    ANTHROPIC_API_KEY: 'key',
    ANTHROPIC_BASE_URL: 'http://gateway',
    IS_SANDBOX: '1',
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    CLAUDE_CODE_DISABLE_AUTO_MEMORY: '1',
    CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: '1',
    CLAUDE_CODE_MAX_RETRIES: '3',
    API_TIMEOUT_MS: '300000',
  })
  expect(readEnvironment(GIVEN, false).agent).not.toHaveProperty('IS_SANDBOX')
})

test('commands get no credential', () => {
  expect(readEnvironment(GIVEN, true).command).toEqual({ PATH: '/bin', LANG: 'C.UTF-8', TMPDIR: '/tmp', HTTPS_PROXY: 'http://door', CI: 'true', TERM: 'dumb' })
})

test('RALPH_ENV hands further variables on, by name, and never a credential or what Ralph sets itself', () => {
  const given = { ...GIVEN, JAVA_HOME: '/opt/java', EMPTY: '', RALPH_ENV: 'JAVA_HOME, EMPTY, NOT_THERE, ANTHROPIC_API_KEY, HOME, PATH' }
  const { command, agent } = readEnvironment(given, true)
  const { command: without, agent: bare } = readEnvironment(GIVEN, true)
  expect(command).toEqual({ ...without, JAVA_HOME: '/opt/java', EMPTY: '' })
  expect(agent).toEqual({ ...bare, JAVA_HOME: '/opt/java', EMPTY: '' })
})
