// `bun run build`: the dashboard's assets and the bundles that go into the worker image, into dist/.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dir, '..')
const out = join(root, 'dist')
mkdirSync(out, { recursive: true })

for (const name of ['ralph', 'worker']) {
  const result = await Bun.build({ entrypoints: [join(root, 'packages', name, 'src/main.ts')], target: 'bun', minify: { whitespace: true, syntax: true }, naming: `${name}.js`, outdir: out })
  if (!result.success) throw new AggregateError(result.logs, `${name} does not build`)
  console.log(`dist/${name}.js ${(((await Bun.file(join(out, `${name}.js`)).stat()).size) / 1024).toFixed(0)} kB`)
}

const dashboard = Bun.spawn([process.execPath, 'run', '--filter', '@factory/dashboard', 'build'], { cwd: root, stdout: 'inherit', stderr: 'inherit' })
process.exit(await dashboard.exited)
