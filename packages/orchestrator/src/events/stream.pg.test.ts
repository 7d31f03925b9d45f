import { FactoryEvent } from '@factory/shared'
import { describeWith } from '@factory/rehearsal/testing'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { assert, asyncProperty, integer, record } from 'fast-check'
import { createMemoryBus } from '../adapters/memory-bus.ts'
import type { Tx } from '../db/connect.ts'
import { testDatabase, type TestDatabase } from '../db/testing.ts'
import { EVENTS_CHANNEL, PROGRESS_CHANNEL, type EventBus } from '../ports/event-bus.ts'
import { answerError } from '../http/answer-error.ts'
import { seedItem, testLog } from '../testing/seed.ts'
import { startFeed, type Feed } from './feed.ts'
import { comparePositions, parsePosition } from './position.ts'
import { recordEvent } from './record.ts'
import { eventRoutes } from './routes.ts'
import { readMessages, type Message } from './sse.fixture.ts'

describeWith(['postgres'], 'the stream of events', () => {
  let db: TestDatabase
  let bus: EventBus
  let feed: Feed
  let app: ReturnType<typeof eventRoutes>
  beforeEach(async () => {
    db = await testDatabase({ max: 8 })
    const { log } = testLog()
    bus = createMemoryBus(log)
    feed = await startFeed({ db, bus, log, pollMs: 20 })
    app = eventRoutes({ db, feed, log, bufferBytes: 4096, pingMs: 30 })
  })
  afterEach(async () => {
    await feed.stop()
    await db.drop()
  })

  const note = (tx: Tx, n: number, itemId: number | null = null) => recordEvent(tx, { type: 'decision', itemId, runId: null, data: { n } })
  const write = (n: number, itemId: number | null = null) => db.sql.begin((tx) => note(tx, n, itemId))
  const open = async (query = '', lastId?: string) => readMessages(await app.request(`/${query}`, { headers: lastId === undefined ? {} : { 'last-event-id': lastId } }))
  const numbers = (messages: readonly Message[]) => messages.map((message) => FactoryEvent.parse(JSON.parse(message.data)).data['n'])

  test('without an id it starts now; with one it brings what was missed; then it is live', async () => {
    await write(1)
    // it is behind us once somebody was told: what another transaction of the server holds up comes late, not never
    const earlier = await open('', '0-0')
    expect(numbers(await earlier.take(1))).toEqual([1])
    await earlier.close()
    const live = await open()
    // once the stream is open, nothing is missed
    await live.comment()
    await write(2)
    const first = await live.take(1)
    expect(first[0]).toMatchObject({ event: 'decision' })
    expect(first[0]?.data).toContain('"n":2')
    await write(3)
    expect(numbers(await live.take(1))).toEqual([3])
    await live.close()
    const again = await open(`?lastEventId=${first[0]?.id}`)
    expect(numbers(await again.take(1))).toEqual([3])
    await write(4)
    expect(numbers(await again.take(1))).toEqual([4])
    await again.close()
    const whole = await open('', '0-0')
    expect(numbers(await whole.take(4))).toEqual([1, 2, 3, 4])
    await whole.close()
  })

  test('the first bytes say that nothing after them is missed, however long the store takes', async () => {
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let locked = (): void => {}
    const isLocked = new Promise<void>((resolve) => {
      locked = resolve
    })
    const holder = db.sql.begin(async (tx) => {
      await tx`lock table work_events in access exclusive mode`
      locked()
      await held
    })
    await isLocked
    const stream = await open()
    let opened = false
    const opening = stream.comment().then(() => (opened = true))
    // many pings later
    for (let turn = 0; turn < 20; turn++) await db.sql`select pg_sleep(0.01)`
    expect(opened).toBe(false)
    release()
    await holder
    await opening
    await write(1)
    expect(numbers(await stream.take(1))).toEqual([1])
    await stream.close()
  })

  test('chooses by item and type', async () => {
    const [one, two] = [await seedItem(db.sql), await seedItem(db.sql)]
    await write(1, one)
    await write(2, two)
    await db.sql.begin((tx) => recordEvent(tx, { type: 'work.created', itemId: two, runId: null, data: { n: 3 } }))
    const stream = await open(`?itemId=${two}&types=work.created,progress`, '0-0')
    expect(numbers(await stream.take(1))).toEqual([3])
    await write(4, two)
    await bus.publish(PROGRESS_CHANNEL, { runId: 1, itemId: one, progress: {} })
    await bus.publish(PROGRESS_CHANNEL, 'garbage')
    await bus.publish(PROGRESS_CHANNEL, { runId: 2, itemId: two, progress: { step: 'agent' } })
    expect(await stream.take(1)).toEqual([{ id: null, event: 'progress', data: `{"runId":2,"itemId":${two},"progress":{"step":"agent"}}` }])
    await stream.close()
  })

  test('refuses what was never an id, unknown types and unknown fields, naming them', async () => {
    const { log } = testLog()
    app.onError((error) => answerError(error, { id: 'x', log, route: '/' }))
    for (const path of ['/?lastEventId=x', '/?lastEventId=99999999999999999999-1', '/?types=work.made', '/?since=1']) {
      expect((await app.request(path)).status, path).toBe(400)
    }
  })

  test('an id of another database goes on from here instead of waiting for ever', async () => {
    const stream = await open('', '9000000000000000-1')
    await stream.comment()
    await write(1)
    expect(numbers(await stream.take(1))).toEqual([1])
    await stream.close()
  })

  test('a transaction that commits late is not passed over', async () => {
    let commit = (): void => {}
    const held = new Promise<void>((resolve) => {
      commit = resolve
    })
    let begun = (): void => {}
    const started = new Promise<void>((resolve) => {
      begun = resolve
    })
    const late = db.sql.begin(async (tx) => {
      await note(tx, 1)
      begun()
      await held
    })
    await started
    const stream = await open('', '0-0')
    await write(2)
    await bus.publish(EVENTS_CHANNEL, {})
    // two turns of its poll: it has looked while the first transaction was open
    await stream.comment()
    await stream.comment()
    commit()
    await late
    expect(numbers(await stream.take(2))).toEqual([1, 2])
    await stream.close()
  })

  test('a client that does not read is dropped and comes back without a gap', async () => {
    const stream = await open('', '0-0')
    await stream.comment()
    const total = 200
    for (let n = 1; n <= total; n++) await write(n)
    const got: Message[] = []
    let rest = await stream.all()
    expect(rest.length).toBeLessThan(total)
    let id = '0-0'
    for (;;) {
      got.push(...rest)
      id = rest.at(-1)?.id ?? id
      if (got.length >= total) break
      const again = await open('', id)
      rest = await again.take(1)
      await again.close()
    }
    expect(numbers(got)).toEqual(Array.from({ length: total }, (_, index) => index + 1))
  })

  test('stopping the feed ends the streams', async () => {
    const stream = await open()
    await stream.comment()
    await feed.stop()
    expect(await stream.all()).toEqual([])
  })

  test('many writers, readers that come and go: each event once, in order, none missing', async () => {
    await assert(
      asyncProperty(record({ writers: integer({ min: 2, max: 6 }), each: integer({ min: 1, max: 12 }), reads: integer({ min: 1, max: 7 }), seed: integer() }), async ({ writers, each, reads, seed }) => {
        const [start] = await db.sql<{ id: string }[]>`select pg_snapshot_xmin(pg_current_snapshot())::text || '-0' as id`
        const expected = writers * each
        let state = seed >>> 0
        const chance = () => (state = (state * 1_664_525 + 1_013_904_223) >>> 0) / 2 ** 32
        const writing = Promise.all(
          Array.from({ length: writers }, async (_, writer) => {
            for (let n = 0; n < each; ) {
              const size = Math.min(each - n, 1 + Math.floor(chance() * 3))
              await db.sql.begin(async (tx) => {
                for (let i = 0; i < size; i++) {
                  await note(tx, writer * 1000 + n + i)
                  await tx`select pg_sleep(${chance() * 0.004})`
                }
              })
              n += size
              if (chance() < 0.5) void bus.publish(EVENTS_CHANNEL, {})
            }
          }),
        )
        const seen: Message[] = []
        let id = start?.id ?? ''
        while (seen.length < expected) {
          const stream = await open('', id)
          const some = await stream.take(Math.min(expected - seen.length, 1 + Math.floor(chance() * reads)))
          await stream.close()
          seen.push(...some)
          id = some.at(-1)?.id ?? id
        }
        await writing
        const ids = seen.map((message) => message.id ?? '')
        expect(new Set(ids).size).toBe(expected)
        expect([...numbers(seen)].sort((a, b) => Number(a) - Number(b))).toEqual(
          Array.from({ length: writers }, (_, writer) => Array.from({ length: each }, (_, n) => writer * 1000 + n)).flat(),
        )
        for (let i = 1; i < ids.length; i++) expect(comparePositions(parsePosition(ids[i - 1] ?? ''), parsePosition(ids[i] ?? ''))).toBeLessThan(0)
      }),
      { numRuns: 25 },
    )
  }, 120_000)
})
