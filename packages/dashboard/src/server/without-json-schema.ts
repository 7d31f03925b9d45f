import type { BunPlugin } from 'bun'

/** zod's writers of JSON Schema (and the readers of a schema's limits, which share their file). */
const WRITERS = /[\\/]zod[\\/]v4[\\/]core[\\/](to-json-schema|json-schema-processors)\.js$/

/**
 * The page parses by schemas and never writes them out, but every schema carries the writers along:
 * 5 kB of the first screen that no bundler can shake off. Each export becomes a function that says
 * so, should somebody call it after all.
 */
export const withoutJsonSchema: BunPlugin = {
  name: 'without-json-schema',
  setup(builder) {
    builder.onLoad({ filter: WRITERS }, async ({ path }) => {
      const { exports } = new Bun.Transpiler({ loader: 'js' }).scan(await Bun.file(path).text())
      const lines = exports.map((name, index) => `const x${index} = leftOut; export { x${index} as ${name} }`)
      return { loader: 'js', contents: `const leftOut = () => { throw new Error('JSON Schema is left out of the page') }\n${lines.join('\n')}` }
    })
  },
}
