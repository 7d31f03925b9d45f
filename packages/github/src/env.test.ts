import { describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { ConfigError, parseEnv } from '@factory/shared'
import { z } from 'zod'
import { githubCredential, githubEnv, githubEnvProblems } from './env.ts'

const schema = z.object({ ...githubEnv })
const pem = generateKeyPairSync('rsa', { modulusLength: 1024, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } }).privateKey

describe('githubEnv', () => {
  test('defaults to github.com and nobody', () => {
    const env = parseEnv(schema, {})
    expect(env.GITHUB_API_URL).toBe('https://api.github.com')
    expect(githubCredential(env)).toEqual({ kind: 'none' })
    expect(githubEnvProblems(env)[0]).toContain('GITHUB_TOKEN is not set')
  })

  test.each([
    ['as it stands', pem],
    ['with \\n written out', pem.trim().replace(/\n/g, '\\n')],
    ['base64', Buffer.from(pem).toString('base64')],
  ])('reads a private key %s, and the App wins over the token', (_name, key) => {
    const env = parseEnv(schema, { GITHUB_TOKEN: 'ghp_x', GITHUB_APP_ID: '12', GITHUB_APP_PRIVATE_KEY: key })
    expect(githubCredential(env)).toEqual({ kind: 'app', id: '12', privateKey: pem })
    expect(githubEnvProblems(env)).toEqual([])
  })

  test('half an App is named', () => {
    expect(githubEnvProblems(parseEnv(schema, { GITHUB_APP_ID: '12', GITHUB_TOKEN: 'x' }))[0]).toContain('GITHUB_APP_PRIVATE_KEY is not set')
    expect(githubEnvProblems(parseEnv(schema, { GITHUB_APP_PRIVATE_KEY: pem }))[0]).toContain('GITHUB_APP_ID is not set')
  })

  test.each([
    ['GITHUB_APP_ID', 'my-app'],
    ['GITHUB_APP_PRIVATE_KEY', 'not a key but a secret'],
    ['GITHUB_API_URL', 'api.github.com'],
    ['GITHUB_URL', 'ftp://github.com'],
  ])('a wrong %s stops the start and secrets stay out of the message', (name, value) => {
    try {
      parseEnv(schema, { [name]: value })
      expect.unreachable()
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      expect(error.message).toContain(name)
      if (name.includes('KEY')) expect(error.message).not.toContain(value)
    }
  })
})
