import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findClaude } from '../packages/cli/src/stack/find-claude.ts'
import { freePort } from '../packages/cli/src/stack/ports.ts'

const MAIN = join(import.meta.dir, '../packages/orchestrator/src/main.ts')
const LIMIT_MS = 60_000

export const TOKEN = 'made-up-token-for-measuring'

/** A real orchestrator in a process of its own, with plain processes as workers. They find no gateway and end; nothing here waits for them. */
export type OrchestratorProcess = { url: string; kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> }

export async function startOrchestrator(databaseUrl: string, settings: Record<string, string> = {}): Promise<OrchestratorProcess> {
  const dir = mkdtempSync(join(tmpdir(), 'factory-bench-'))
  const port = await freePort()
  const child = Bun.spawn([process.execPath, MAIN], {
    stdout: 'ignore',
    stderr: 'ignore',
    env: {
      PATH: process.env.PATH ?? '',
      HOME: dir,
      DATABASE_URL: databaseUrl,
      DATA_DIR: dir,
      ORCHESTRATOR_PORT: String(port),
      FACTORY_TOKEN: TOKEN,
      GITHUB_TOKEN: 'made-up-for-measuring',
      WORKER_RUNTIME: 'process',
      CLAUDE_BIN: findClaude(process.env) ?? '/bin/false',
      // nothing listens there
      GITHUB_API_URL: 'http://127.0.0.1:9',
      GATEWAY_URL: 'http://127.0.0.1:9',
      INSTANCE: `bench-${port}`,
      COOLDOWN_SECONDS: '0',
      DAILY_BUDGET: '1000000',
      MAX_WORKERS: '1000',
      LOG_LEVEL: 'silent',
      ...settings,
    },
  })
  const url = `http://127.0.0.1:${port}`
  const stop = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    child.kill(signal)
    await child.exited
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    await until(async () => (await fetch(`${url}/ready`)).ok, 'the orchestrator to be ready')
  } catch (error) {
    await stop('SIGKILL')
    throw error
  }
  return { url, kill: stop }
}

/** Asks every 5 ms; an error counts as "not yet". Answers with the time of the clock that performance.now() reads. */
export async function until(condition: () => Promise<boolean>, what: string): Promise<number> {
  const end = performance.now() + LIMIT_MS
  while (performance.now() < end) {
    if (await condition().catch(() => false)) return performance.now()
    await Bun.sleep(5)
  }
  throw new Error(`waited ${LIMIT_MS / 1000} s for ${what}`)
}
