import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as cli from '../packages/cli/src/config.ts'
import { doctorVariables } from '../packages/cli/src/doctor/environment.ts'
import * as dashboard from '../packages/dashboard/src/config.ts'
import * as gateway from '../packages/gateway/src/config.ts'
import * as intake from '../packages/intake/src/config.ts'
import * as orchestrator from '../packages/orchestrator/src/config.ts'

type Env = Record<string, string>

const root = join(import.meta.dir, '..')
const lines = readFileSync(join(root, '.env.example'), 'utf8').split('\n')
const example: Env = Object.fromEntries(lines.flatMap((line) => (/^[A-Z]/.test(line) ? [[line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]] : [])))
const compose = readFileSync(join(root, 'docker/docker-compose.yml'), 'utf8')

/** Comes from the shell, not from a configuration. */
const SHELL = ['PATH']
const SERVICES: Record<string, { variables: readonly string[]; read(env: Env): object }> = {
  orchestrator: { variables: orchestrator.configVariables, read: orchestrator.readConfig },
  gateway: { variables: gateway.configVariables, read: gateway.parseConfig },
  intake: { variables: intake.configVariables, read: intake.readConfig },
  dashboard: { variables: dashboard.configVariables, read: dashboard.readConfig },
  cli: { variables: cli.configVariables, read: cli.readConfig },
}
const ofCompose = [...new Set([...compose.matchAll(/\$\{(\w+)/g)].map((match) => match[1] ?? ''))]
const known = new Set([...Object.values(SERVICES).flatMap((service) => service.variables), ...ofCompose].filter((name) => !SHELL.includes(name)))

/** What a person has to fill in. */
const FILLED = { GITHUB_TOKEN: 'made-up', REPOS: 'acme/shop', ANTHROPIC_API_KEY: 'made-up', FACTORY_TOKEN: 'a-token-of-sixteen-or-more' }

describe('.env.example', () => {
  test('has every variable that a service reads, and no other', () => {
    expect(Object.keys(example).sort()).toEqual([...known].sort())
  })

  test('has each variable once', () => {
    expect(lines.filter((line) => /^[A-Z]/.test(line))).toHaveLength(Object.keys(example).length)
  })

  test('explains each in one line above it', () => {
    const bare = lines.filter((line, index) => /^[A-Z]/.test(line) && !/^# .{5,}$/.test(lines[index - 1] ?? ''))
    expect(bare).toEqual([])
  })

  test('doctor looks at nothing that it does not have', () => {
    expect(doctorVariables.filter((name) => !(name in example))).toEqual([])
  })

  test.each(Object.entries(SERVICES))('stands with the defaults of the %s behind it', (_name, { read }) => {
    const ofNothing = Object.entries(read(FILLED)).filter(([, value]) => value !== undefined && value !== null)
    expect(read({ ...example, ...FILLED })).toMatchObject(Object.fromEntries(ofNothing))
  })

  test('is refused as long as nothing is filled in, by name', () => {
    expect(() => intake.readConfig(example)).toThrow(/REPOS is not set[\s\S]*FACTORY_TOKEN is not set/)
    expect(() => gateway.parseConfig({ ...example, FACTORY_TOKEN: FILLED.FACTORY_TOKEN })).toThrow(/ANTHROPIC_API_KEY is not set[\s\S]*GITHUB_TOKEN is not set/)
  })
})
