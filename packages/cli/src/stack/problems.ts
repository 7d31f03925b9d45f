import { readConfig as readDashboard } from '@factory/dashboard/config'
import { parseConfig as readGateway } from '@factory/gateway/config'
import { readConfig as readIntake } from '@factory/intake/config'
import { readConfig as readOrchestrator } from '@factory/orchestrator/config'
import { ConfigError } from '@factory/shared'

/** Longer than the services ask for; only stands in while the real one is not made yet. */
const ANY_TOKEN = 'made-on-the-first-start'

/** All that is missing or wrong for any of the services, each variable once, before anything is started. */
export function configurationProblems(env: Record<string, string | undefined>): string[] {
  const given = { FACTORY_TOKEN: ANY_TOKEN, ...env }
  const byVariable = new Map<string, string>()
  for (const read of [readOrchestrator, readGateway, readIntake, readDashboard]) {
    for (const problem of problemsOf(() => read(given))) {
      const variable = problem.split(' ')[0] ?? problem
      if (!byVariable.has(variable)) byVariable.set(variable, problem)
    }
  }
  return [...byVariable.values()]
}

function problemsOf(read: () => unknown): string[] {
  try {
    read()
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}
