import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { deflateSync } from 'node:zlib'

export type TreeEntry = { name: string; sha: string }

/** Name of an object as git makes it. */
function encode(type: 'blob' | 'tree' | 'commit', body: Buffer): { sha: string; whole: Buffer } {
  const whole = Buffer.concat([Buffer.from(`${type} ${body.length}\0`), body])
  return { sha: createHash('sha1').update(whole).digest('hex'), whole }
}

export const blobName = (text: string): string => encode('blob', Buffer.from(text)).sha

/** A file that is there as a whole or not at all, whenever its writer is killed. */
function writeWhole(path: string, content: Buffer | string): void {
  mkdirSync(dirname(path), { recursive: true })
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, content)
  renameSync(draft, path)
}

function write(dir: string, type: 'blob' | 'tree' | 'commit', body: Buffer): string {
  const { sha, whole } = encode(type, body)
  writeWhole(join(dir, 'objects', sha.slice(0, 2), sha.slice(2)), deflateSync(whole, { level: 1 }))
  return sha
}

/** A commit on `base` that adds one file, written straight into a bare repository: a push without its processes. */
export function writeCommit(dir: string, { base, entries, file, content, message }: { base: string; entries: readonly TreeEntry[]; file: string; content: string; message: string }): string {
  const all = [...entries, { name: file, sha: write(dir, 'blob', Buffer.from(content)) }].sort((a, b) => (a.name < b.name ? -1 : 1))
  const tree = write(dir, 'tree', Buffer.concat(all.flatMap(({ name, sha }) => [Buffer.from(`100644 ${name}\0`), Buffer.from(sha, 'hex')])))
  const who = 'Chaos <chaos@example.com> 1767225600 +0000'
  return write(dir, 'commit', Buffer.from(`tree ${tree}\nparent ${base}\nauthor ${who}\ncommitter ${who}\n\n${message}\n`))
}

export function writeRef(dir: string, ref: string, sha: string): void {
  writeWhole(join(dir, ref), `${sha}\n`)
}
