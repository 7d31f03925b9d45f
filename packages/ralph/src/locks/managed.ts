import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { EDITS, hookSettings } from './settings.ts'

/** Where Claude Code on Linux looks for settings that no user and no repository can override. */
export const MANAGED_FILE = '/etc/claude-code/managed-settings.json'

/**
 * For images: our hook, and no other hooks than managed ones. What a repository or a user's settings say
 * about hooks is void then. No credential is in it, and no address: both are known at run time only.
 */
export const managedSettings = (): string => `${JSON.stringify({ allowManagedHooksOnly: true, ...hookSettings() }, null, 2)}\n`

const Ours = z.strictObject({
  allowManagedHooksOnly: z.literal(true),
  hooks: z.strictObject({ PreToolUse: z.tuple([z.looseObject({ hooks: z.tuple([z.looseObject({ command: z.string().includes(`"$${EDITS}" = free`) })]) })]) }),
})

/** Written by some version of Ralph, with nothing of anybody else in it. */
export function isOurs(text: string): boolean {
  try {
    return Ours.safeParse(JSON.parse(text)).success
  } catch {
    return false
  }
}

/** Installs the managed settings, mode 0644. Returns a problem, or null. */
export async function installManaged({ force, file = MANAGED_FILE }: { force: boolean; file?: string }): Promise<string | null> {
  const found = await readFile(file, 'utf8').catch(() => null)
  if (found !== null && !force && !isOurs(found)) return `${file} is there already and is not ours; --force overwrites it`
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o755 })
    const temporary = `${file}.${process.pid}.tmp`
    const handle = await open(temporary, 'w', 0o644)
    try {
      await handle.writeFile(managedSettings())
      await handle.sync()
    } finally {
      await handle.close()
    }
    // Whatever the umask is: each user of the machine has to read it.
    await chmod(temporary, 0o644)
    await rename(temporary, file)
    return null
  } catch (error) {
    return `${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`
  }
}
