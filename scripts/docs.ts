// `bun run docs`: the documents that are made of the code. Tests hold the committed files against it.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventReference } from '../packages/ralph/src/events/reference.ts'
import { withBlocks } from '../packages/ralph/src/readme.ts'

const root = join(import.meta.dir, '..')
writeFileSync(join(root, 'docs/ralph-events.md'), eventReference())
const readme = join(root, 'packages/ralph/README.md')
writeFileSync(readme, withBlocks(readFileSync(readme, 'utf8')))
