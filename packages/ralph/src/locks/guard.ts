import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BeforeEdit } from '../agents/agent.ts'
import { listen } from './listen.ts'
import { isOurs, MANAGED_FILE } from './managed.ts'
import { EDITS, hookSettings, SOCKET } from './settings.ts'

/** What one execution of Claude Code gets so that it asks before it edits. */
export type Guard = {
  /** For --settings. */
  settings: object
  env: Record<string, string>
  close(): Promise<void>
}

/** The longest path a unix socket can have, its end mark included. */
const LONGEST_SOCKET_PATH = 107

/**
 * Opens the way from the hook to `beforeEdit` in a folder that only we can enter. Without a question to
 * ask there is no hook; the variable is for images whose managed settings always have one.
 * @throws when the agent could edit without asking: no socket, no program, or settings of the machine that forbid our hook
 */
export async function openGuard(folder: string, beforeEdit: BeforeEdit | null, managedFile = MANAGED_FILE): Promise<Guard> {
  if (beforeEdit === null) return { settings: {}, env: { [EDITS]: 'free' }, close: async () => undefined }
  const settings = hookSettings()
  await refuseForbidden(managedFile)
  const near = join(folder, 'edits.sock')
  const own = Buffer.byteLength(near) > LONGEST_SOCKET_PATH ? await mkdtemp(join(shortest(), 'ralph-')) : null
  const socket = own === null ? near : join(own, 'edits.sock')
  const server = await listen(socket, beforeEdit)
  return {
    settings,
    env: { [EDITS]: 'ask', [SOCKET]: socket },
    async close() {
      server.close()
      if (own !== null) await rm(own, { recursive: true, force: true })
    },
  }
}

/** A TMPDIR deep in the tree is too long for a socket. */
const shortest = (): string => (tmpdir().length <= 60 ? tmpdir() : '/tmp')

/** Managed settings that allow managed hooks only would drop ours without a word. */
async function refuseForbidden(file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => null)
  if (text === null || isOurs(text) || !/"(?:allowManagedHooksOnly|disableAllHooks)"\s*:\s*true/.test(text)) return
  throw new Error(`${file} lets no other hooks run, so nobody could be asked before an edit; see "ralph managed-settings"`)
}
