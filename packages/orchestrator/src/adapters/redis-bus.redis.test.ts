import { connect, createServer, type Socket } from 'node:net'
import { createLogger } from '@factory/shared'
import { describeWith, need } from '@factory/rehearsal/testing'
import { expect, test } from 'bun:test'
import { eventBusContract } from '../ports/event-bus.contract.ts'
import { createRedisBus } from './redis-bus.ts'

const logger = createLogger('test', 'silent')

/** A door to the real Redis that can be shut, cutting everybody off, and opened again on the same port. */
function createDoor(target: URL) {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    }
    client.pipe(upstream).pipe(client)
  })
  return {
    open: (port: number) =>
      new Promise<number>((resolve) =>
        server.listen(port, '127.0.0.1', () => {
          const address = server.address()
          resolve(typeof address === 'object' && address ? address.port : 0)
        }),
      ),
    shut: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

describeWith(['redis'], 'the bus over Redis', () => {
  eventBusContract('redis', () => createRedisBus({ url: need('redis'), logger }))

  test('reaches other processes', async () => {
    const [here, there] = [createRedisBus({ url: need('redis'), logger }), createRedisBus({ url: need('redis'), logger })]
    const { promise, resolve } = Promise.withResolvers<unknown>()
    await there.subscribe(`x:${process.pid}`, resolve)
    await here.publish(`x:${process.pid}`, { hello: 1 })
    expect(await promise).toEqual({ hello: 1 })
    await Promise.all([here.close(), there.close()])
  })

  test('subscriptions begun without Redis, and those cut off, live when it comes back', async () => {
    const door = createDoor(new URL(need('redis')))
    const port = await door.open(0)
    await door.shut()
    const bus = createRedisBus({ url: `redis://127.0.0.1:${port}`, logger })
    const channel = `away:${process.pid}`
    let heard: unknown[] = []
    await bus.subscribe(channel, (message) => heard.push(message))
    await bus.publish(channel, 'lost')
    expect(heard).toEqual([])
    const untilHeard = async () => {
      heard = []
      // Hints may be lost around a reconnection: knock until one is heard.
      for (const deadline = Date.now() + 15_000; heard.length === 0; await Bun.sleep(20)) {
        if (Date.now() > deadline) throw new Error('nothing was heard')
        await bus.publish(channel, 'knock')
      }
    }
    await door.open(port)
    await untilHeard()
    await door.shut()
    await door.open(port)
    await untilHeard()
    await bus.close()
    await door.shut()
  })
})
