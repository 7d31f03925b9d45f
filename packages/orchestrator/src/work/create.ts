import { checkSpec, CreateWorkLong, FactoryError, parseRepo, parseSpec, type CreateWork, type WorkItem } from '@factory/shared'
import type { Context } from '../context.ts'
import { transact } from '../transact.ts'
import { createItem, loadItem, loadItemBySource } from './store.ts'
import { itemView } from './view.ts'

type Needs = Pick<Context, 'db' | 'bus' | 'wake' | 'epoch' | 'clock' | 'config'>

/** Asks for work. The same `(source, sourceId)` twice is one item: the second call returns the first. */
export async function createWork(ctx: Needs, input: CreateWork): Promise<{ item: WorkItem; created: boolean }> {
  const repo = parseRepo(input.repo, ctx.config.GITHUB_URL)
  const long = CreateWorkLong.safeParse(input)
  const source = long.success ? long.data.source : 'api'
  const sourceId = long.success ? long.data.sourceId : crypto.randomUUID()
  const text = readText(input)
  const result = await transact(ctx, async (tx) => {
    const status = text.spec === null ? ('drafting' as const) : ('queued' as const)
    const wanted = {
      source,
      sourceId,
      sourceUrl: (long.success ? long.data.sourceUrl : undefined) ?? null,
      repo,
      title: input.title ?? text.title,
      description: text.description,
      spec: text.spec,
      files: text.files,
      baseBranch: input.baseBranch ?? null,
      author: input.author ?? null,
      status,
      priority: input.priority ?? 'medium',
      maxAttempts: ctx.config.MAX_ATTEMPTS,
      at: ctx.clock.now(),
    }
    const id = await createItem(tx, wanted, { source, sourceId, repo, status })
    const row = id === null ? await loadItemBySource(tx, source, sourceId) : await loadItem(tx, id)
    if (!row) throw new Error('the item that was just written is not there')
    return { row, created: id !== null }
  })
  return { item: itemView(result.row, null), created: result.created }
}

type WorkText = { title: string; description: string | null; spec: string | null; files: string[] }

function readText(input: { spec?: string | undefined; description?: string | undefined }): WorkText {
  if (input.spec !== undefined) return { ...readSpecText(input.spec), description: input.description ?? null }
  if (input.description === undefined) {
    const problem = 'give a spec (with task boxes) or a description'
    throw new FactoryError('unprocessable', `spec: ${problem}`, [{ path: 'spec', problem }])
  }
  return { title: titleFrom(input.description), description: input.description, spec: null, files: [] }
}

/** @throws FactoryError `unprocessable` for a spec that nobody could work off */
export function readSpecText(markdown: string): { title: string; spec: string; files: string[] } {
  const spec = parseSpec(markdown)
  const problems = checkSpec(spec).filter((problem) => problem.code === 'empty' || problem.code === 'no_tasks')
  const first = problems[0]
  if (first) throw new FactoryError('unprocessable', `spec: ${first.message}`, problems.map((problem) => ({ path: 'spec', problem: problem.message })))
  return { title: spec.title.slice(0, 300) || titleFrom(markdown), spec: markdown, files: spec.files.slice(0, 200) }
}

function titleFrom(text: string): string {
  const line = text.split('\n').map((part) => part.replace(/^[#>\-*\s]+/, '').trim()).find((part) => part !== '') ?? 'Untitled'
  return line.length > 120 ? `${line.slice(0, 119)}…` : line
}
