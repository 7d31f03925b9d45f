import type { Limits } from '../environment/choose.ts'

export type RalphTask =
  | { mode: 'run'; baseSha: string; learnings: string | null; previous: string | null }
  | { mode: 'draft' }
  | { mode: 'verify'; baseSha: string; headSha: string; spec: string | null }

/** Ralph's command line for a task. `setup` is one command that does the whole setup, or null; `beforeEdit` takes the lock of a file. */
export function ralphCommand(ralph: readonly string[], task: RalphTask, given: { runId: number; model: string; limits: Limits; setup: string | null; verify: readonly string[]; required: readonly string[]; beforeEdit: string }): string[] {
  const { limits } = given
  const run = ['--run', String(given.runId)]
  const model = ['--model', given.model]
  const bounds = [
    '--max-iterations', String(limits.maxIterations),
    '--max-cost-usd', String(limits.maxCostUsd),
    '--max-minutes', String(limits.maxMinutes),
    '--iteration-minutes', String(limits.iterationMinutes),
  ]
  // With "=", so that a command which begins with a dash is not taken for a flag.
  const checks = [...(given.setup === null ? [] : [`--setup=${given.setup}`]), ...given.verify.map((command) => `--verify=${command}`), ...given.required.map((command) => `--require=${command}`), '--verify-minutes', String(limits.verifyMinutes)]
  switch (task.mode) {
    case 'run':
      return [
        ...ralph, 'run', '--spec', 'SPEC.md', ...run, '--base', task.baseSha, ...model, ...bounds, ...checks, `--before-edit=${given.beforeEdit}`,
        ...(task.learnings === null ? [] : ['--learnings', task.learnings]),
        ...(task.previous === null ? [] : ['--previous', task.previous]),
      ]
    case 'draft':
      return [...ralph, 'draft', '--request', '.ai/request.md', '--out', 'SPEC.md', ...run, ...model, ...bounds]
    case 'verify':
      return [...ralph, 'verify', '--base', task.baseSha, '--head', task.headSha, ...run, ...checks, ...(task.spec === null ? [] : ['--spec', task.spec])]
  }
}

/** What Ralph's process sees: the gateway as the model's address, and the run's token as its key. */
export function ralphEnv(given: { basicEnv: Record<string, string>; doorUrl: string; runToken: string; claudeBin: string | null; imageEnv: readonly string[] }): Record<string, string> {
  return {
    ...given.basicEnv,
    ...proxyEnv(given.doorUrl, given.runToken),
    ANTHROPIC_BASE_URL: `${given.doorUrl}/model`,
    ANTHROPIC_API_KEY: given.runToken,
    ...(given.imageEnv.length > 0 ? { RALPH_ENV: given.imageEnv.join(',') } : {}),
    ...(given.claudeBin ? { CLAUDE_BIN: given.claudeBin } : {}),
  }
}

/** Package managers reach allow-listed hosts by CONNECT through the gateway; both spellings are in use. */
export function proxyEnv(doorUrl: string, runToken: string): Record<string, string> {
  const url = new URL(doorUrl)
  url.username = 'run'
  url.password = runToken
  const proxy = url.href.replace(/\/$/, '')
  const none = '127.0.0.1,localhost'
  return { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: none, http_proxy: proxy, https_proxy: proxy, no_proxy: none }
}
