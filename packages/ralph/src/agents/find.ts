import { accessSync, constants, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What can be where a `claude` is looked for. */
export type Search = { flag: string | null; env: string | null; path: string }

/**
 * The claude binary: the flag, else CLAUDE_BIN, else the npm package we pin, else the PATH. A path
 * that was given and cannot be run is an error, not a reason to take another.
 */
export function findClaude(search: Search): { bin: string } | { problem: string } {
  for (const [name, path] of [['--claude', search.flag], ['CLAUDE_BIN', search.env]] as const) {
    if (!path) continue
    return executable(path) ? { bin: path } : { problem: `${name} is ${JSON.stringify(path)}, which is not an executable file` }
  }
  const bin = packaged() ?? Bun.which('claude', { PATH: search.path })
  return bin ? { bin } : { problem: 'no claude found: install @anthropic-ai/claude-code, or name the binary with --claude or CLAUDE_BIN' }
}

function packaged(): string | null {
  const flavours = [`${process.platform}-${process.arch}`, `${process.platform}-${process.arch}-musl`]
  try {
    const outer = fileURLToPath(import.meta.resolve('@anthropic-ai/claude-code/package.json'))
    for (const flavour of flavours) {
      const bin = nativeOf(outer, flavour)
      if (bin) return bin
    }
  } catch {
    // Not installed beside us (a bundle): the PATH it is.
  }
  return null
}

function nativeOf(outer: string, flavour: string): string | null {
  try {
    const manifest = createRequire(outer).resolve(`@anthropic-ai/claude-code-${flavour}/package.json`)
    const bin = join(dirname(manifest), process.platform === 'win32' ? 'claude.exe' : 'claude')
    return executable(bin) ? bin : null
  } catch {
    return null
  }
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    // A directory can be "executed", too.
    return statSync(path).isFile()
  } catch {
    return false
  }
}
