import { PRIORITIES, type CreateWork } from '@factory/shared'
import { resolve } from 'node:path'
import { oneOf, text } from '../arguments.ts'
import type { Command, Context } from '../command.ts'
import { UsageError } from '../exit.ts'
import { visibleLine } from '../terminal/visible.ts'
import { WORK_WORD } from '../terminal/words.ts'

export const command: Command = {
  usage: 'factory work add --repo OWNER/NAME (--description TEXT|- | --spec FILE|-) [options]',
  details: 'The same --source and --source-id twice is one item. "-" reads standard input.',
  options: {
    repo: { type: 'string' },
    description: { type: 'string' },
    spec: { type: 'string' },
    title: { type: 'string' },
    priority: { type: 'string' },
    source: { type: 'string' },
    'source-id': { type: 'string' },
    'source-url': { type: 'string' },
  },
  optionHelp: {
    repo: 'the repository, owner/name or its address',
    description: 'what is wanted, in prose; a spec is written from it',
    spec: 'a markdown file with task boxes, used as it stands',
    title: 'one line; made from the text when left out',
    priority: PRIORITIES.join(', '),
    source: 'where it comes from (default cli)',
    'source-id': 'its id there (default: a new one)',
    'source-url': 'its address there',
  },
  positionals: { min: 0, max: 0 },
  async run(context) {
    const body = await readBody(context)
    const answer = await (await context.client()).call('createWork', { body })
    const { item, created } = answer
    return { json: answer, text: `${created ? 'Added' : 'Already there:'} item ${item.id}, ${WORK_WORD[item.status][0]}: ${visibleLine(item.title)}` }
  },
}

async function readBody({ values, io }: Context): Promise<CreateWork> {
  const repo = text(values, 'repo')
  const description = text(values, 'description')
  const spec = text(values, 'spec')
  if (repo === undefined) throw new UsageError('--repo OWNER/NAME is missing')
  if ((description === undefined) === (spec === undefined)) throw new UsageError('give either --description or --spec')
  const priority = oneOf(values, 'priority', PRIORITIES)
  const title = text(values, 'title')
  const common = { repo, ...(priority ? { priority } : {}), ...(title === undefined ? {} : { title }) }
  const source = text(values, 'source')
  const sourceId = text(values, 'source-id')
  const sourceUrl = text(values, 'source-url')
  if ((source === undefined) !== (sourceId === undefined)) throw new UsageError('--source and --source-id belong together')
  if (sourceUrl !== undefined && source === undefined) throw new UsageError('--source-url needs --source and --source-id')
  const words = description === '-' ? await io.stdin() : description
  if (words !== undefined && words.trim() === '') throw new UsageError('the description is empty')
  if (words !== undefined && source === undefined) return { ...common, description: words }
  return {
    ...common,
    source: source ?? 'cli',
    sourceId: sourceId ?? crypto.randomUUID(),
    ...(sourceUrl === undefined ? {} : { sourceUrl }),
    ...(words === undefined ? { spec: await readSpec(spec ?? '-', io) } : { description: words }),
  }
}

async function readSpec(path: string, io: Context['io']): Promise<string> {
  if (path === '-') return io.stdin()
  const file = Bun.file(resolve(io.cwd, path))
  if (!(await file.exists())) throw new UsageError(`there is no file ${path}`)
  return file.text()
}
