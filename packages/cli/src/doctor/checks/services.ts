import { createServer } from 'node:net'
import { fail, ok, skipped, warn, type Finding } from '../finding.ts'
import { limit, LOCAL_MS, reason, type Examined } from '../examined.ts'

type Service = { name: string; url: string; port: number; variable: string }

export function services({ env, config }: Pick<Examined, 'env' | 'config'>): Service[] {
  const local = (port: number) => `http://127.0.0.1:${port}`
  return [
    { name: 'orchestrator', url: config.url, port: Number(new URL(config.url).port || env.ORCHESTRATOR_PORT), variable: 'ORCHESTRATOR_PORT' },
    { name: 'dashboard', url: local(env.DASHBOARD_PORT), port: env.DASHBOARD_PORT, variable: 'DASHBOARD_PORT' },
    { name: 'gateway', url: local(env.GATEWAY_PORT), port: env.GATEWAY_PORT, variable: 'GATEWAY_PORT' },
    { name: 'intake', url: local(env.INTAKE_PORT), port: env.INTAKE_PORT, variable: 'INTAKE_PORT' },
  ]
}

/** Running and healthy; not running with its port free; or the port taken by something else. */
export async function checkService(service: Service): Promise<Finding> {
  const { name, url, port, variable } = service
  try {
    const answer = await fetch(`${url}/health`, { signal: limit(LOCAL_MS), redirect: 'manual' })
    const ours = answer.headers.get('content-type')?.includes('json') === true
    if (!ours) return fail(name, `${url} is taken by something else (it answers /health with ${answer.status})`, `Stop it, or set ${variable} to a free port`)
    return answer.ok ? ok(name, `is healthy at ${url}`) : fail(name, `says that it is not healthy (${answer.status})`, "See the service's log")
  } catch (error) {
    const free = await isFree(port)
    if (free) return warn(name, `is not running (port ${port} is free)`, 'Start everything: factory up')
    return fail(name, `port ${port} is taken, and what holds it does not answer as the ${name} does: ${reason(error)}`, `Stop it, or set ${variable} to a free port`)
  }
}

/** The orchestrator's own look at database (pgvector included), locks, bus and runtime. */
export async function checkReady(url: string): Promise<Finding> {
  const name = 'orchestrator ready'
  try {
    const answer = await fetch(`${url}/ready`, { signal: limit(LOCAL_MS) })
    if (answer.ok) return ok(name, 'database, locks and runtime answer')
    return fail(name, `waits: ${(await answer.text()).slice(0, 300)}`, 'Mend what it names; it goes on by itself')
  } catch {
    return skipped(name, 'the orchestrator is not running')
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
