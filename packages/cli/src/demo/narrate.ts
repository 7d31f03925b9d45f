import type { FactoryEvent, LogLine, WorkItem } from '@factory/shared'
import type { Style } from '../terminal/style.ts'
import { visibleLine } from '../terminal/visible.ts'
import type { DemoEnd } from './end.ts'
import { describeEvent } from './describe.ts'
import { DEMO_REPO, type Rehearsal } from './rehearse.ts'

const GIVE_UP_MS = 10 * 60_000
const LOOK_MS = 100

type Telling = { say(text: string): void; style: Style; signal: AbortSignal; now(): number }

/** Files the issue and tells what happens, line by line, until its item has come to an end. */
export async function narrate(rehearsal: Rehearsal, telling: Telling): Promise<DemoEnd> {
  const { say, style, signal, now } = telling
  const started = now()
  const tell = (text: string, at = now()) => say(`${style('quiet', `${(Math.max(0, at - started) / 1000).toFixed(1).padStart(6)} s`)}  ${text}`)
  const issue = rehearsal.fileIssue()
  tell(`issue #${issue.number} "${issue.title}" is labelled ai-factory: ${issue.url}`)

  const said = { events: new Set<string>(), lines: new Map<number, number>() }
  let item: WorkItem | null = null
  while (!signal.aborted && now() - started < GIVE_UP_MS) {
    const found = await rehearsal.client.call('listWork', { query: { source: 'github', sourceId: `${DEMO_REPO}#${issue.number}` } })
    const id = found.items[0]?.id
    if (id !== undefined) {
      item = await tellNews(rehearsal, id, said, tell, style)
      if (['completed', 'failed', 'needs_input'].includes(item.status)) break
    }
    await Bun.sleep(LOOK_MS)
  }
  const pulls = await rehearsal.forge.pullsWithStats(DEMO_REPO)
  await waitForReport(rehearsal, issue.number, item?.status === 'completed')
  return endOf(rehearsal, issue, item, pulls, now() - started)
}

async function tellNews(rehearsal: Rehearsal, id: number, said: { events: Set<string>; lines: Map<number, number> }, tell: (text: string, at?: number) => void, style: Style): Promise<WorkItem> {
  const detail = await rehearsal.client.call('getWork', { params: { id } })
  const news: { at: string; text: string }[] = []
  for (const event of detail.events) {
    if (said.events.has(event.id)) continue
    said.events.add(event.id)
    const text = describeEvent(event)
    if (text !== null) news.push({ at: event.at, text: style(toneOf(event), text) })
  }
  for (const run of detail.runs) {
    const after = said.lines.get(run.id) ?? 0
    const page = await rehearsal.client.call('workerLogs', { params: { id: run.id }, query: { after } })
    said.lines.set(run.id, page.next)
    for (const line of page.lines) if (worthTelling(line)) news.push({ at: line.at, text: style('quiet', `    ${visibleLine(line.text).slice(0, 110)}`) })
  }
  for (const one of news.toSorted((a, b) => a.at.localeCompare(b.at))) tell(one.text, Date.parse(one.at))
  return detail.item
}

const worthTelling = (line: LogLine) => line.stream !== 'stderr' && line.stream !== 'worker'
const toneOf = (event: FactoryEvent) => (event.type === 'effect.done' ? 'good' : event.type === 'effect.failed' ? 'bad' : 'plain')

/** The label and the comment follow within a moment; the demo shows them too. */
async function waitForReport(rehearsal: Rehearsal, number: number, wanted: boolean): Promise<void> {
  for (let tries = 0; wanted && tries < 50; tries++) {
    if (labelsOf(rehearsal, number).join() === 'ai-factory:pr') return
    await Bun.sleep(LOOK_MS)
  }
}

const labelsOf = (rehearsal: Rehearsal, number: number) => rehearsal.forge.issue(DEMO_REPO, number).labels.map((label) => label.name)

function endOf(rehearsal: Rehearsal, issue: { number: number; url: string }, item: WorkItem | null, pulls: Awaited<ReturnType<Rehearsal['forge']['pullsWithStats']>>, ms: number): DemoEnd {
  const pull = pulls[0]
  return {
    ok: item?.status === 'completed' && pulls.length === 1 && item.evidence?.passed === true,
    status: item?.status ?? 'not picked up',
    failure: item?.failure?.message ?? item?.question ?? null,
    seconds: Math.round(ms / 100) / 10,
    issue: { url: issue.url, labels: labelsOf(rehearsal, issue.number) },
    pull: pull ? { url: pull.html_url, title: pull.title, additions: pull.additions, deletions: pull.deletions, files: pull.files } : null,
    evidence: item?.evidence ?? null,
    usage: item?.usage ?? null,
    dashboard: `${rehearsal.stack.urls.dashboard}/#token=${rehearsal.stack.token}`,
  }
}
