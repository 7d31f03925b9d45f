import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseScript, ScriptError, type Script } from './script.ts'

/** The scripts of a folder (`*.yml`, `*.yaml`, `*.json`), in the order of their names. @throws ScriptError */
export async function loadScripts(dir: string): Promise<Script[]> {
  const names = await readdir(dir).catch((error: unknown) => {
    throw new ScriptError(`${dir}: cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  })
  const files = names.filter((name) => /\.(ya?ml|json)$/.test(name)).sort()
  if (files.length === 0) throw new ScriptError(`${dir}: has no script (*.yml, *.yaml or *.json)`)
  return Promise.all(files.map(async (name) => parseScript(await Bun.file(join(dir, name)).text(), join(dir, name))))
}
