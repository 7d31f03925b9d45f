import { afterEach, describe, expect, test } from 'bun:test'
import type { EventBus } from './event-bus.ts'

let serial = 0

/** `open` gives a bus; those of one adapter that reaches other processes share what they carry. */
export function eventBusContract(name: string, open: () => EventBus): void {
  describe(`${name} keeps the promise of EventBus`, () => {
    const opened: EventBus[] = []
    const bus = () => {
      const one = open()
      opened.push(one)
      return one
    }
    const channel = () => `ct:${process.pid}:${(serial += 1)}`
    afterEach(async () => {
      for (const one of opened.splice(0)) await one.close()
    })

    /** Collects messages until there are `count`. */
    function collect(count: number): { listener: (message: unknown) => void; all: Promise<unknown[]>; seen: unknown[] } {
      const seen: unknown[] = []
      const { promise, resolve } = Promise.withResolvers<unknown[]>()
      return { seen, all: promise, listener: (message) => void (seen.push(message) === count && resolve(seen)) }
    }

    test('every subscriber of the channel gets every message, in order; nobody else does', async () => {
      const one = bus()
      const [here, there] = [channel(), channel()]
      const a = collect(50)
      const b = collect(50)
      const other = collect(1)
      await one.subscribe(here, a.listener)
      await one.subscribe(here, b.listener)
      await one.subscribe(there, other.listener)
      const sent = Array.from({ length: 50 }, (_, index) => ({ index, nested: { text: 'ü\n' } }))
      for (const message of sent) await one.publish(here, message)
      expect(await a.all).toEqual(sent)
      expect(await b.all).toEqual(sent)
      await one.publish(there, 'end')
      expect(await other.all).toEqual(['end'])
    })

    test('one subscriber’s error and changes do not reach another', async () => {
      const one = bus()
      const here = channel()
      await one.subscribe(here, (message) => {
        if (typeof message === 'object' && message !== null) Object.assign(message, { spoilt: true })
        throw new Error('a bad listener')
      })
      const good = collect(2)
      await one.subscribe(here, good.listener)
      await one.publish(here, { n: 1 })
      await one.publish(here, { n: 2 })
      expect(await good.all).toEqual([{ n: 1 }, { n: 2 }])
    })

    test('a subscription that ended gets nothing; the others of the channel go on', async () => {
      const one = bus()
      const here = channel()
      const gone = collect(1)
      const stays = collect(2)
      const end = await one.subscribe(here, gone.listener)
      await one.subscribe(here, stays.listener)
      await one.publish(here, 1)
      await gone.all
      await end()
      await end()
      await one.publish(here, 2)
      expect(await stays.all).toEqual([1, 2])
      expect(gone.seen).toEqual([1])
    })

    test('the publisher goes on before its message arrives', async () => {
      const one = bus()
      const here = channel()
      const got = collect(1)
      await one.subscribe(here, got.listener)
      const sent = one.publish(here, 'x')
      expect(got.seen).toEqual([])
      await sent
      expect(await got.all).toEqual(['x'])
    })

    test('publishing after the end does not throw', async () => {
      const one = bus()
      await one.ping()
      await one.close()
      await one.publish(channel(), 'nobody')
    })
  })
}
