import { exitTable, flagTables } from './cli/help.ts'

const BLOCKS: Readonly<Record<string, () => string>> = { flags: flagTables, 'exit codes': exitTable }

/** The README with its generated blocks made anew. @throws Error when a block's marks are not there */
export function withBlocks(readme: string): string {
  let text = readme
  for (const [name, make] of Object.entries(BLOCKS)) {
    const [begin, end] = [`<!-- ${name}: made by "bun run docs" -->`, `<!-- end of ${name} -->`]
    const [from, to] = [text.indexOf(begin), text.indexOf(end)]
    if (from === -1 || to < from) throw new Error(`the README has no block of ${name}`)
    text = `${text.slice(0, from + begin.length)}\n\n${make()}\n\n${text.slice(to)}`
  }
  return text
}
