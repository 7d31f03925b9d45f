import { open, rename, rm, writeFile } from 'node:fs/promises'

/**
 * Makes `text` the whole of a file: whenever we are killed, the old text or the new one is there.
 * `durable`: also when the machine stops. The temporary file has to be on the same file system; where
 * it is not, the file is written in place.
 */
export async function replaceFile(file: string, text: string, temporary: string, durable: boolean): Promise<void> {
  const handle = await open(temporary, 'w')
  try {
    await handle.writeFile(text)
    if (durable) await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    if (!(error instanceof Error && 'code' in error && error.code === 'EXDEV')) throw error
    await writeFile(file, text)
  }
}
