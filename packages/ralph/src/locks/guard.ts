import { readFile } from 'node:fs/promises'
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
  close(): void
}

/**
 * Opens the way from the hook to `beforeEdit` in a folder that only we can enter. Without a question to
 * ask there is no hook; the variable is for images whose managed settings always have one.
 * @throws when the agent could edit without asking: no socket, no program, or settings of the machine that forbid our hook
 */
export async function openGuard(folder: string, beforeEdit: BeforeEdit | null, managedFile = MANAGED_FILE): Promise<Guard> {
  if (beforeEdit === null) return { settings: {}, env: { [EDITS]: 'free' }, close: () => undefined }
  const settings = hookSettings()
  await refuseForbidden(managedFile)
  // Bun takes a path of any length on both sides, also where the kernel does not.
  const socket = join(folder, 'edits.sock')
  const server = await listen(socket, beforeEdit)
  return { settings, env: { [EDITS]: 'ask', [SOCKET]: socket }, close: () => server.close() }
}

/** Managed settings that allow managed hooks only would drop ours without a word. */
async function refuseForbidden(file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => null)
  if (text === null || isOurs(text) || !/"(?:allowManagedHooksOnly|disableAllHooks)"\s*:\s*true/.test(text)) return
  throw new Error(`${file} lets no other hooks run, so nobody could be asked before an edit; see "ralph managed-settings"`)
}
