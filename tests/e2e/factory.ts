import type { WorkItem, WorkStatus } from '@factory/shared'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRehearsal, type Rehearsal, type RehearsalOptions } from '../../packages/cli/src/demo/rehearse.ts'

export type Factory = Rehearsal & {
  dir: string
  /** What this factory's things on the engine are named for. */
  instance: string
  /** Waits until the item of this id satisfies a condition; fails with what it was instead. */
  until(id: number, what: string, condition: (item: WorkItem) => boolean): Promise<WorkItem>
  untilStatus(id: number, status: WorkStatus): Promise<WorkItem>
  /** The item that intake made of an issue. */
  itemOf(repo: string, number: number): Promise<WorkItem>
}

const LIMIT_MS = 90_000

/** The whole factory with its rehearsal forge and model, in a directory of its own. */
export async function startFactory(options: Partial<Pick<RehearsalOptions, 'settings' | 'scripts' | 'permissions'>> = {}): Promise<Factory> {
  const dir = mkdtempSync(join(tmpdir(), 'factory-e2e-'))
  const instance = `e2e-${crypto.randomUUID().slice(0, 8)}`
  const settings: Record<string, string> = { INSTANCE: instance, ...options.settings }
  const rehearsal = await startRehearsal({ dir, env: process.env, say: () => {}, style: (_tone, text) => text, anyPorts: true, ...options, settings })
  const read = async (id: number) => (await rehearsal.client.call('getWork', { params: { id } })).item
  const until: Factory['until'] = async (id, what, condition) => {
    let item = await read(id)
    await waitFor(async () => condition((item = await read(id))), () => `item ${id} to be ${what}; it is ${item.status}${item.failure ? ` (${item.failure.message})` : ''}${item.waiting ? `, waits: ${item.waiting.message}` : ''}`)
    return item
  }
  return {
    ...rehearsal,
    dir,
    instance,
    until,
    untilStatus: (id, status) => until(id, status, (item) => item.status === status),
    async itemOf(repo, number) {
      let id: number | undefined
      await waitFor(
        async () => (id = (await rehearsal.client.call('listWork', { query: { source: 'github', sourceId: `${repo}#${number}` } })).items[0]?.id) !== undefined,
        () => `an item for ${repo}#${number}`,
      )
      return read(id ?? 0)
    },
    async stop() {
      await rehearsal.stop()
      if (settings['WORKER_RUNTIME'] === 'docker') removeCaches(instance)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Volumes outlive their factory on purpose; those of a test would only fill the disk. */
function removeCaches(instance: string): void {
  const docker = (...args: string[]) => Bun.spawnSync(['docker', 'volume', ...args]).stdout.toString().split('\n').filter(Boolean)
  const volumes = docker('ls', '-q', '--filter', `name=factory-cache-${instance}-`)
  if (volumes.length > 0) docker('rm', ...volumes)
}

/** Looks every 50 ms; a condition that throws is not met yet. */
export async function waitFor(condition: () => boolean | Promise<boolean>, what: () => string, limitMs = LIMIT_MS): Promise<void> {
  const until = Date.now() + limitMs
  let last: unknown = null
  while (Date.now() < until) {
    try {
      if (await condition()) return
      last = null
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`waited ${limitMs / 1000} s for ${what()}`, { cause: last })
}

/** Runs the engine's command line. @throws with what it said */
export async function docker(args: readonly string[], stdin = ''): Promise<string> {
  const proc = Bun.spawn(['docker', ...args], { stdin: new TextEncoder().encode(stdin), stdout: 'pipe', stderr: 'pipe', env: { ...process.env, DOCKER_BUILDKIT: '0' } })
  const [out, err, code] = await Promise.all([new Response(proc.stdout).text(), new Response(proc.stderr).text(), proc.exited])
  if (code !== 0) throw new Error(`docker ${args[0]}: ${err}`)
  return out.trim()
}
