import { createLogger } from '@factory/shared'
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMemoryBus } from '../adapters/memory-bus.ts'
import { readEvents, readHead } from '../events/read.ts'
import { backfillEmbeddings } from '../learnings/backfill.ts'
import { saveLearnings } from '../learnings/save.ts'
import { searchLearnings } from '../learnings/search.ts'
import { collectFigures } from '../metrics/collect.ts'
import { summarizeMetrics } from '../metrics/summary.ts'
import { createClock } from '../ports/clock.ts'
import { listQueue } from '../queue/list.ts'
import { countQueue } from '../queue/count.ts'
import { seedItem, seedRun } from '../testing/seed.ts'
import { connect } from './connect.ts'
import { startEmbedded } from './embedded.ts'
import { migrate } from './migrate.ts'

test('what the API reads runs on the embedded store as on a server, over its one connection', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'factory-embedded-'))
  const embedded = await startEmbedded(directory)
  const db = connect(embedded.url, { max: embedded.max })
  try {
    await migrate(db.sql)
    const log = createLogger('test', 'silent')
    const ctx = {
      db, log, clock: createClock(), epoch: null, bus: createMemoryBus(log), wake: () => {},
      config: { MAX_WORKERS: 2, MAX_WORKERS_PER_REPO: 0, DAILY_BUDGET: 10, COOLDOWN_SECONDS: 0 },
      embedder: { kind: 'openai' as const, model: 'm', embed: async (texts: readonly string[]) => texts.map((text) => [text.length, 1]) },
    }
    const start = await readHead(ctx)
    const item = await seedItem(db.sql, { files: ['a.ts'] })
    const other = await seedItem(db.sql, { status: 'in_progress', files: ['a.ts'] })
    const run = await seedRun(db.sql, other, { granted: 3 })
    const learnings = [{ kind: 'pattern' as const, text: 'Sort the imports' }]
    expect(await db.sql.begin((tx) => saveLearnings(tx, { repo: 'owner/name', itemId: other, runId: run, learnings, at: new Date() }))).toBe(1)
    await backfillEmbeddings(ctx)

    expect((await listQueue(ctx, 10)).map((one) => [one.id, one.waiting?.code])).toEqual([[item, 'file_conflict']])
    expect((await countQueue(ctx)).waiting).toEqual([{ name: 'medium', n: 1 }])
    expect((await readEvents(ctx, start)).events.map((event) => event.type)).toEqual(['learning.saved'])
    expect(await searchLearnings(ctx, { q: 'import order', limit: 5 })).toMatchObject({ mode: 'hybrid', learnings: [{ text: 'Sort the imports' }] })
    expect((await summarizeMetrics(ctx, 2)).byDay).toHaveLength(2)
    expect((await collectFigures(ctx)).live).toEqual([{ kind: 'build', n: 1 }])
  } finally {
    await db.close()
    await embedded.close()
    rmSync(directory, { recursive: true, force: true })
  }
}, 60_000)
