import { findToken } from '../connect.ts'
import { configurationProblems } from '../stack/problems.ts'
import type { Context } from '../command.ts'
import { checkBun } from './checks/bun.ts'
import { checkClaude } from './checks/claude.ts'
import { checkConfiguration } from './checks/configuration.ts'
import { checkDataDir, checkDisk } from './checks/disk.ts'
import { checkDocker } from './checks/docker.ts'
import { checkGit } from './checks/git.ts'
import { checkGithub } from './checks/github.ts'
import { checkModel } from './checks/model.ts'
import { checkPostgres } from './checks/postgres.ts'
import { checkRedis } from './checks/redis.ts'
import { checkReady, checkService, services } from './checks/services.ts'
import { checkToken } from './checks/token.ts'
import { readEnvironment } from './environment.ts'
import type { Examined } from './examined.ts'
import type { Finding } from './finding.ts'

/** Every check, side by side; the findings in the order in which a person would look. */
export async function examine({ io, config }: Pick<Context, 'io' | 'config'>): Promise<Finding[]> {
  const { env, problems } = readEnvironment(io.env)
  const examined: Examined = { env, raw: io.env, config, cwd: io.cwd, token: await findToken(config, io.cwd) }
  const found = await Promise.all<Finding | Finding[]>([
    checkBun(Bun.version),
    checkGit(io.env),
    checkConfiguration(io.cwd, mergeProblems(configurationProblems(io.env), problems)),
    checkDataDir(examined).then(async (finding) => [finding, await checkDisk(examined)]),
    checkClaude(examined),
    checkModel(examined),
    checkDocker(examined),
    checkPostgres(examined),
    checkRedis(examined),
    checkGithub(examined),
    ...services(examined).map(checkService),
    checkReady(config.url),
    checkToken(examined),
  ])
  return found.flat()
}

/** Checks of their own tell of these, with more to say. */
const TOLD_ELSEWHERE = /^(GITHUB_TOKEN|GITHUB_APP_ID|GITHUB_APP_PRIVATE_KEY|ANTHROPIC_API_KEY|CLAUDE_CODE_OAUTH_TOKEN) is not set/

/** What stops `factory up`, in the services' own words, and what only doctor looks at; each variable once. */
export function mergeProblems(...lists: readonly (readonly string[])[]): string[] {
  const byVariable = new Map<string, string>()
  for (const problem of lists.flat()) {
    const variable = problem.split(' ')[0] ?? problem
    if (!byVariable.has(variable) && !TOLD_ELSEWHERE.test(problem)) byVariable.set(variable, problem)
  }
  return [...byVariable.values()]
}
