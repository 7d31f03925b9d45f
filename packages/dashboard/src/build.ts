import { mkdtemp, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { NONCE_MARK } from './server/security.ts'
import { withoutJsonSchema } from './server/without-json-schema.ts'
import { sourceHash } from './server/source-hash.ts'

/** Scripts of the first screen, gzipped, as people download them (the issue's figure). */
export const FIRST_SCREEN_LIMIT = 130 * 1024

export type BuildResult = { dist: string; firstScriptBytes: number; files: { name: string; bytes: number; gzipBytes: number }[] }

/**
 * Builds the page into `dist`. It is written beside and moved into place at the end, so that a
 * service starting meanwhile reads the old build or the new one, never half of both.
 * @throws AggregateError with the bundler's messages
 */
export async function build(dist: string): Promise<BuildResult> {
  const root = import.meta.dir
  const beside = await mkdtemp(`${dist}.new-`)
  try {
    const result = await Bun.build({
      entrypoints: [join(root, 'entry.tsx')],
      outdir: beside,
      target: 'browser',
      minify: true,
      splitting: true,
      metafile: true,
      plugins: [withoutJsonSchema],
      publicPath: '/',
      naming: { entry: 'assets/[name]-[hash].[ext]', chunk: 'assets/[name]-[hash].[ext]', asset: 'assets/[name]-[hash].[ext]' },
      define: { 'process.env.NODE_ENV': '"production"' },
    })
    const entry = result.outputs.find((output) => output.kind === 'entry-point')
    const styles = result.outputs.filter((output) => output.path.endsWith('.css'))
    if (!entry) throw new Error('the bundler made no entry')
    const scripts = firstScripts(result.metafile?.outputs ?? {}, relative(beside, entry.path))
    const href = (path: string) => `/${relative(beside, path)}`
    await Bun.write(join(beside, 'index.html'), page(href(entry.path), styles.map((style) => href(style.path))))
    await Bun.write(join(beside, 'favicon.svg'), Bun.file(join(root, 'favicon.svg')))
    const files: BuildResult['files'] = []
    for (const output of result.outputs) {
      const bytes = await Bun.file(output.path).bytes()
      const packed = Bun.gzipSync(bytes, { level: 9 })
      await Bun.write(`${output.path}.gz`, packed)
      files.push({ name: relative(beside, output.path), bytes: bytes.length, gzipBytes: packed.length })
    }
    await Bun.write(join(beside, 'build.json'), JSON.stringify({ hash: await sourceHash() }))
    await rm(dist, { recursive: true, force: true })
    await rename(beside, dist)
    const first = files.filter((file) => scripts.has(basename(file.name)))
    return { dist, files, firstScriptBytes: first.reduce((sum, file) => sum + file.gzipBytes, 0) }
  } catch (error) {
    await rm(beside, { recursive: true, force: true })
    throw error
  }
}

/** The entry and every chunk that it imports before it runs; what is imported on demand is left out. */
function firstScripts(outputs: Record<string, { imports: { path: string; kind: string }[] }>, entry: string): Set<string> {
  const seen = new Set<string>()
  const visit = (name: string): void => {
    if (seen.has(name)) return
    seen.add(name)
    const found = Object.entries(outputs).find(([path]) => basename(path) === name)
    for (const { path, kind } of found?.[1].imports ?? []) if (kind === 'import-statement') visit(basename(path))
  }
  visit(basename(entry))
  return seen
}

function page(script: string, styles: string[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="csp-nonce" content="${NONCE_MARK}">
<title>Factory</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
${styles.map((style) => `<link rel="stylesheet" href="${style}">`).join('\n')}
<script type="module" src="${script}"></script>
</head>
<body>
<div id="root"></div>
<noscript>This page shows live data and needs JavaScript.</noscript>
</body>
</html>
`
}

if (import.meta.main) {
  const dist = process.argv[2] ?? join(dirname(import.meta.dir), 'dist')
  const { files, firstScriptBytes } = await build(dist)
  for (const file of files) console.log(`${file.name}  ${file.bytes} B, ${file.gzipBytes} B gzip`)
  console.log(`script of the first screen: ${(firstScriptBytes / 1024).toFixed(1)} kB gzip of ${FIRST_SCREEN_LIMIT / 1024}`)
  if (firstScriptBytes > FIRST_SCREEN_LIMIT) console.log('that is more than it should be')
}
