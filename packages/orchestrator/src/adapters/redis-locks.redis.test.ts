import { createServer } from 'node:net'
import { createLogger } from '@factory/shared'
import { describeWith, find, need } from '@factory/rehearsal/testing'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Redis } from 'ioredis'
import { lockTableContract } from '../ports/lock-table.contract.ts'
import { createRedisLocks } from './redis-locks.ts'

const logger = createLogger('test', 'silent')
const fresh = () => `ct-${crypto.randomUUID()}`
const owner = (runId: number) => ({ runId, itemId: 1 })

describeWith(['redis'], 'locks in Redis', () => {
  let redis: Redis
  beforeAll(() => {
    redis = new Redis(need('redis'))
  })
  afterAll(async () => {
    const notes = await redis.keys('factory:locks:ct-*')
    if (notes.length > 0) await redis.del(notes)
    redis.disconnect()
  })

  const keys = (prefix: string) => redis.keys(`lock:{${prefix}*`)

  lockTableContract('redis', {
    open: (clock) => createRedisLocks({ url: find('redis') ?? '', logger, instance: fresh(), clock }),
    // The server's clock cannot be moved, its keys' ends can.
    async passTime(_locks, seconds) {
      for (const key of await keys('ct')) {
        const left = (await redis.pttl(key)) - seconds * 1000
        await (left > 0 ? redis.pexpire(key, left) : redis.del(key))
      }
    },
    async clear(_locks, prefix) {
      const found = await keys(prefix)
      if (found.length > 0) await redis.del(found)
    },
  })

  test('people can read a lock with redis-cli, and it ends by itself', async () => {
    const repo = `read${process.pid}/shop`
    const locks = createRedisLocks({ url: need('redis'), logger, instance: fresh() })
    await locks.acquire(repo, ['src/a.ts'], { runId: 7, itemId: 3 }, 3600)
    const key = `lock:{${repo}}:src/a.ts`
    const value: unknown = JSON.parse((await redis.get(key)) ?? 'null')
    expect(value).toMatchObject({ runId: 7, itemId: 3, since: expect.stringMatching(/^\d{4}-.*Z$/), until: expect.stringMatching(/^\d{4}-.*Z$/) })
    expect(await redis.ttl(key)).toBeGreaterThan(3590)
    await locks.acquire(repo, ['src/a.ts'], { runId: 7, itemId: 3 }, 0.05)
    for (const deadline = Date.now() + 5000; (await locks.list(repo)).length > 0; ) if (Date.now() > deadline) throw new Error('the lock did not end')
    expect(await locks.acquire(repo, ['src/a.ts'], owner(8), 60)).toEqual({ granted: true })
    await locks.release(repo, ['src/a.ts'], owner(8))
    await locks.close()
  })

  test('what somebody wrote by hand bars the path and breaks nothing', async () => {
    const repo = `hand${process.pid}/shop`
    const locks = createRedisLocks({ url: need('redis'), logger, instance: fresh() })
    for (const garbage of ['mine!', '"text"', '{"runId":"1"}', '[]']) {
      await redis.set(`lock:{${repo}}:a.ts`, garbage, 'EX', 60)
      expect(await locks.acquire(repo, ['a.ts', 'b.ts'], owner(1), 60)).toMatchObject({ granted: false, conflicts: [{ path: 'a.ts', runId: 0 }] })
      expect(await locks.release(repo, ['a.ts'], owner(1))).toBe(0)
      expect(await locks.list(repo)).toEqual([])
    }
    await redis.del(`lock:{${repo}}:a.ts`)
    await locks.close()
  })

  test('a server that lost its scripts is told again', async () => {
    const locks = createRedisLocks({ url: need('redis'), logger, instance: fresh() })
    const repo = `flush${process.pid}/shop`
    await locks.acquire(repo, ['a'], owner(1), 60)
    await redis.script('FLUSH')
    expect(await locks.release(repo, ['a'], owner(1))).toBe(1)
    await locks.close()
  })
})

describe('a Redis that does not answer', () => {
  test('is an error soon, with a code', async () => {
    const nobody = createServer()
    const port = await new Promise<number>((resolve) => nobody.listen(0, '127.0.0.1', () => resolve(portOf(nobody.address()))))
    await new Promise<void>((resolve) => nobody.close(() => resolve()))
    const locks = createRedisLocks({ url: `redis://127.0.0.1:${port}`, logger, instance: fresh() })
    const began = performance.now()
    await expect(locks.acquire('a/b', ['x'], owner(1), 60)).rejects.toMatchObject({ code: 'unavailable' })
    await expect(locks.list()).rejects.toMatchObject({ code: 'unavailable' })
    await expect(locks.ping()).rejects.toMatchObject({ code: 'unavailable' })
    expect(performance.now() - began).toBeLessThan(8000)
    await locks.close()
  })
})

function portOf(address: unknown): number {
  if (typeof address === 'object' && address !== null && 'port' in address && typeof address.port === 'number') return address.port
  throw new Error('not a TCP server')
}
