import { fail, ok, skipped, type Finding } from '../finding.ts'
import { reason, type Examined } from '../examined.ts'
import { exchange } from '../socket.ts'

export async function checkRedis({ env }: Examined): Promise<Finding> {
  if (env.REDIS_URL === undefined) return skipped('redis', 'REDIS_URL is not set: locks and events are kept in memory')
  const url = new URL(env.REDIS_URL)
  const where = `${url.hostname}:${url.port || '6379'}`
  const secret = decodeURIComponent(url.password)
  const login = secret ? command('AUTH', ...(url.username ? [decodeURIComponent(url.username)] : []), secret) : ''
  try {
    const answer = await exchange({ host: url.hostname, port: Number(url.port || 6379), tls: url.protocol === 'rediss:' }, login + command('PING'), (said) => /PONG\r\n|^-|\r\n-/.test(said))
    if (answer.includes('+PONG')) return ok('redis', `answers at ${where}`)
    if (/-(NOAUTH|WRONGPASS|ERR.*password)/i.test(answer)) return fail('redis', `${where} does not accept the login`, 'Put user and password into REDIS_URL: redis://user:password@host:6379')
    return fail('redis', `${where} answers ${JSON.stringify(answer.trim().slice(0, 80))}`, 'Is this a Redis or Valkey server? Correct REDIS_URL')
  } catch (error) {
    return fail('redis', `nothing answers at ${where}: ${reason(error)}`, 'Start Redis, correct REDIS_URL, or leave it out to keep locks in memory')
  }
}

/** A command as Redis' protocol (RESP) writes it. */
function command(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
}
