import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild, type Child } from './child.ts'
import { readToken } from './token.ts'

export type Ports = { orchestrator: number; dashboard: number; gateway: number; intake: number }

export type StackOptions = {
  dataDir: string
  ports: Ports
  /** Environment of every service; the addresses of the others and the token are added. */
  env: Record<string, string>
  /** Working directory of the services (Bun reads an `.env` there). */
  cwd: string
  onLine?: ((line: string) => void) | undefined
  /** Told when a service ended by itself and is started again. */
  onRestart?: ((name: string, code: number) => void) | undefined
}

export type Stack = {
  urls: Record<keyof Ports, string>
  token: string
  /** Of the process that serves now; for tests that end one from outside. */
  pid(name: keyof Ports): number
  stop(): Promise<void>
}

/** A service ended before it was ready. `lines` is what it said last. */
export class StartFailed extends Error {
  readonly service: string
  readonly lines: string[]
  constructor(service: string, lines: string[]) {
    super(`${service} did not start`)
    this.name = 'StartFailed'
    this.service = service
    this.lines = lines
  }
}

const START_MS = 60_000
const STOP_MS = 15_000

/** Starts the services in the order of their needs and keeps them running until `stop`. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const dataDir = resolve(options.dataDir)
  mkdirSync(dataDir, { recursive: true })
  const url = (port: number) => `http://127.0.0.1:${port}`
  const urls = { orchestrator: url(options.ports.orchestrator), dashboard: url(options.ports.dashboard), gateway: url(options.ports.gateway), intake: url(options.ports.intake) }
  const env: Record<string, string> = {
    ...options.env,
    DATA_DIR: dataDir,
    ORCHESTRATOR_PORT: String(options.ports.orchestrator),
    ORCHESTRATOR_URL: urls.orchestrator,
    DASHBOARD_PORT: String(options.ports.dashboard),
    GATEWAY_PORT: String(options.ports.gateway),
    GATEWAY_URL: urls.gateway,
    GATEWAY_SOCKET: options.env.GATEWAY_SOCKET ?? socketPath(dataDir),
    INTAKE_PORT: String(options.ports.intake),
  }
  const kept: Kept[] = []
  const keep = async (name: keyof Ports, extra: Record<string, string> = {}) => {
    const one = keepRunning(name, { ...env, ...extra }, urls[name], options)
    kept.push(one)
    await one.ready
  }
  try {
    await keep('orchestrator')
    const token = env.FACTORY_TOKEN ?? readToken(dataDir)
    const shared = { FACTORY_TOKEN: token }
    await Promise.all([keep('gateway', shared), keep('dashboard', shared), keep('intake', shared)])
    const pid = (name: keyof Ports) => kept.find((one) => one.name === name)?.pid() ?? 0
    return { urls, token, pid, stop: () => stopAll(kept) }
  } catch (error) {
    await stopAll(kept)
    throw error
  }
}

/** Those that bring work in go first, the one that keeps the books last. */
async function stopAll(kept: readonly Kept[]): Promise<void> {
  const first = kept.filter((one) => one.name !== 'orchestrator' && one.name !== 'gateway')
  await Promise.all(first.map((one) => one.stop()))
  await Promise.all(kept.filter((one) => one.name === 'orchestrator').map((one) => one.stop()))
  await Promise.all(kept.filter((one) => one.name === 'gateway').map((one) => one.stop()))
}

type Kept = { name: string; ready: Promise<void>; pid(): number; stop(): Promise<void> }

function keepRunning(name: keyof Ports, env: Record<string, string>, url: string, options: StackOptions): Kept {
  let stopping = false
  let child: Child
  const spawn = () =>
    startChild({
      name,
      command: [process.execPath, fileURLToPath(import.meta.resolve(`@factory/${name}/main`))],
      cwd: options.cwd,
      env,
      logFile: join(resolve(options.dataDir), 'logs', `${name}.log`),
      onLine: options.onLine,
    })
  child = spawn()
  const first = child
  const ready = Promise.race([
    waitHealthy(`${url}/health`, START_MS, () => stopping).then((ok) => {
      if (!ok) throw new StartFailed(name, first.lastLines())
    }),
    first.exited.then((code) => {
      if (!stopping) throw new StartFailed(name, [...first.lastLines(), `(exit code ${code})`])
    }),
  ])
  const running = ready.then(
    async () => {
      for (let quick = 0; !stopping; ) {
        const started = Date.now()
        const code = await child.exited
        if (stopping) return
        options.onRestart?.(name, code)
        quick = Date.now() - started < 10_000 ? quick + 1 : 0
        await Bun.sleep(Math.min(10_000, 250 * 2 ** quick))
        if (!stopping) child = spawn()
      }
    },
    () => {},
  )
  return {
    name,
    ready,
    pid: () => child.pid,
    async stop() {
      stopping = true
      await child.stop(STOP_MS)
      await running
    },
  }
}

async function waitHealthy(url: string, withinMs: number, givenUp: () => boolean): Promise<boolean> {
  const until = Date.now() + withinMs
  while (Date.now() < until && !givenUp()) {
    const ok = await fetch(url, { signal: AbortSignal.timeout(2000) }).then((response) => response.ok, () => false)
    if (ok) return true
    await Bun.sleep(25)
  }
  return false
}

/** A unix socket's path may have about 100 characters; a deep data directory gets one beside /tmp. */
function socketPath(dataDir: string): string {
  const path = join(dataDir, 'gateway', 'gateway.sock')
  if (path.length < 100) return path
  return `/tmp/factory-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}/gateway.sock`
}
