import { createHash } from 'node:crypto'
import type { Logger } from '@factory/shared'
import type { Redis } from 'ioredis'
import { z } from 'zod'
import { createClock, type Clock } from '../ports/clock.ts'
import type { HeldLock, LockOwner, LockTable } from '../ports/lock-table.ts'
import { answer, connectRedis } from './redis-connection.ts'

/** One round trip per verb: Redis runs a script alone, so all paths are taken or none. */
function script(lua: string): { lua: string; sha: string } {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

/** A value that somebody else wrote by hand is not ours: `owner` is nil and the path counts as taken. */
const OWNER_OF = `
local function read(key)
  local text = redis.call('GET', key)
  if not text then return nil end
  local fine, value = pcall(cjson.decode, text)
  if fine and type(value) == 'table' then return text, value.runId, value.since end
  return text, nil, nil
end
local run = tonumber(ARGV[1])
`

/** ARGV: run, beginning of the value, now, until, milliseconds. Answers with key, value of each conflict. */
const ACQUIRE = script(`
local function value(since) return ARGV[2] .. ',"since":"' .. since .. '","until":"' .. ARGV[4] .. '"}' end
local run, conflicts, since = tonumber(ARGV[1]), {}, {}
for i, text in ipairs(redis.call('MGET', unpack(KEYS))) do
  if text then
    local fine, found = pcall(cjson.decode, text)
    if not fine or type(found) ~= 'table' or found.runId ~= run then
      conflicts[#conflicts + 1] = KEYS[i]
      conflicts[#conflicts + 1] = text
    elseif type(found.since) == 'string' then
      since[i] = found.since
    end
  end
end
if #conflicts > 0 then return conflicts end
-- most are taken anew and have one value
local fresh = value(ARGV[3])
for i, key in ipairs(KEYS) do
  redis.call('SET', key, since[i] and value(since[i]) or fresh, 'PX', ARGV[5])
end
return conflicts
`)

const RENEW = script(`${OWNER_OF}
local renewed = 0
for _, key in ipairs(KEYS) do
  local text, owner, from = read(key)
  if text and owner == run then
    redis.call('SET', key, ARGV[2] .. ',"since":"' .. (type(from) == 'string' and from or ARGV[3]) .. '","until":"' .. ARGV[4] .. '"}', 'PX', ARGV[5])
    renewed = renewed + 1
  end
end
return renewed
`)

const RELEASE = script(`${OWNER_OF}
local released = 0
for _, key in ipairs(KEYS) do
  local text, owner = read(key)
  if text and owner == run then released = released + redis.call('DEL', key) end
end
return released
`)

const KEY = /^lock:\{([^}]*)\}:([\s\S]*)$/
const Value = z
  .string()
  .transform((text, context) => {
    try {
      const value: unknown = JSON.parse(text)
      return value
    } catch {
      context.addIssue('not JSON')
      return z.NEVER
    }
  })
  .pipe(z.object({ runId: z.number().int(), itemId: z.number().int(), since: z.coerce.date(), until: z.coerce.date() }))

const lockKey = (repo: string, path: string) => `lock:{${repo}}:${path}`

function readLock(key: string, value: string | null): HeldLock | null {
  const [, repo, path] = KEY.exec(key) ?? []
  const parsed = Value.safeParse(value)
  if (repo === undefined || path === undefined || !parsed.success) return null
  return { repo, path, ...parsed.data }
}

/** SCAN reads its pattern as a glob, and a repository may be called anything GitHub allows. */
const literal = (text: string) => text.replace(/[\\*?[\]]/g, '\\$&')

const SCAN_COUNT = 500

/** Locks in Redis, to be read with `redis-cli --scan --pattern 'lock:*'`. */
export function createRedisLocks(options: { url: string; logger: Logger; instance: string; clock?: Clock }): LockTable {
  const note = `factory:locks:${options.instance}`
  const redis = connectRedis(options.url, options.logger)
  const clock = options.clock ?? createClock()

  function values(owner: LockOwner, ttlSeconds: number): string[] {
    const now = clock.now()
    const head = JSON.stringify({ runId: owner.runId, itemId: owner.itemId }).slice(0, -1)
    return [String(owner.runId), head, now.toISOString(), new Date(now.getTime() + ttlSeconds * 1000).toISOString(), String(Math.round(ttlSeconds * 1000))]
  }

  return {
    kind: 'redis',
    async acquire(repo, paths, owner, ttlSeconds) {
      if (paths.length === 0) return { granted: true }
      const found = z.array(z.string()).parse(await execute(redis, ACQUIRE, keys(repo, paths), values(owner, ttlSeconds)))
      if (found.length === 0) return { granted: true }
      const conflicts: HeldLock[] = []
      for (let at = 0; at + 1 < found.length; at += 2) {
        const key = found[at] ?? ''
        // A value we cannot read still bars the path; run 0 says that its owner is unknown.
        conflicts.push(readLock(key, found[at + 1] ?? null) ?? { repo, path: KEY.exec(key)?.[2] ?? key, runId: 0, itemId: 0, since: new Date(0), until: new Date(0) })
      }
      return { granted: false, conflicts }
    },
    async renew(repo, paths, owner, ttlSeconds) {
      if (paths.length === 0) return 0
      return z.number().parse(await execute(redis, RENEW, keys(repo, paths), values(owner, ttlSeconds)))
    },
    async release(repo, paths, owner) {
      if (paths.length === 0) return 0
      return z.number().parse(await execute(redis, RELEASE, keys(repo, paths), [String(owner.runId)]))
    },
    async list(repo) {
      const pattern = repo === undefined ? 'lock:{*}:*' : `lock:{${literal(repo)}}:*`
      const seen = new Set<string>()
      let cursor = '0'
      do {
        const [next, batch] = await answer(redis.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT))
        for (const key of batch) seen.add(key)
        cursor = next
      } while (cursor !== '0')
      if (seen.size === 0) return []
      const all = [...seen]
      const texts = await answer(redis.mget(all))
      return all.map((key, index) => readLock(key, texts[index] ?? null)).filter((lock) => lock !== null)
    },
    async isWhole() {
      return (await answer(redis.exists(note))) === 1
    },
    async restore(locks) {
      const now = clock.now()
      const all = redis.multi()
      for (const { repo, path, runId, itemId, since, until } of locks) {
        const left = until.getTime() - now.getTime()
        if (left > 0) all.set(lockKey(repo, path), JSON.stringify({ runId, itemId, since, until }), 'PX', left)
      }
      all.set(note, now.toISOString())
      const results = await answer(all.exec())
      const failed = results === null ? new Error('the transaction was given up') : results.find(([error]) => error !== null)?.[0]
      if (failed) await answer(Promise.reject(failed))
    },
    async ping() {
      await answer(redis.ping())
    },
    close() {
      redis.disconnect()
      return Promise.resolve()
    },
  }
}

const keys = (repo: string, paths: readonly string[]) => [...new Set(paths)].map((path) => lockKey(repo, path))

/** By hash, and in full when the server does not know it (fresh, or its scripts were flushed). */
async function execute(redis: Redis, { lua, sha }: { lua: string; sha: string }, keyList: string[], values: string[]): Promise<unknown> {
  try {
    return await redis.evalsha(sha, keyList.length, ...keyList, ...values)
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('NOSCRIPT')) return answer(redis.eval(lua, keyList.length, ...keyList, ...values))
    return answer(Promise.reject(error instanceof Error ? error : new Error(String(error))))
  }
}
