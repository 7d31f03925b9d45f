import { BlockList, isIP } from 'node:net'

/** One entry of EGRESS_ALLOW. `*.example.com` is every name below example.com, not example.com itself. */
export type AllowRule = { kind: 'name' | 'below' | 'address'; host: string; port: number }

const DEFAULT_PORT = 443
const NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*$/

/** Reads `host`, `host:port`, `*.host`, `1.2.3.4:80` and `[::1]:80`. Without a port it is 443. */
export function parseAllow(entries: readonly string[]): { rules: AllowRule[]; problems: string[] } {
  const rules: AllowRule[] = []
  const problems: string[] = []
  for (const entry of entries) {
    const below = entry.startsWith('*.')
    const target = parseTarget(below ? entry.slice(2) : entry, DEFAULT_PORT)
    if (!target || (below && isIP(target.host))) problems.push(`has the entry ${JSON.stringify(entry.slice(0, 100))}, which is not a host, host:port or *.host`)
    else rules.push({ kind: below ? 'below' : isIP(target.host) ? 'address' : 'name', ...target })
  }
  return { rules, problems }
}

/** `host:port` of a CONNECT line; null when it is anything else. Names are made lower-case. */
export function parseTarget(text: string, defaultPort: number | null = null): { host: string; port: number } | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]]+))(?::(\d{1,5}))?$/.exec(text)
  if (!match) return null
  const host = (match[1] ?? match[2] ?? '').toLowerCase().replace(/\.$/, '')
  const port = match[3] === undefined ? defaultPort : Number(match[3])
  if (port === null || port < 1 || port > 65_535) return null
  if (match[1] !== undefined ? isIP(host) !== 6 : isIP(host) !== 4 && !NAME.test(host)) return null
  // A name whose last label is a number would be read as an address by some resolvers (0x7f.1, 127.1).
  if (!isIP(host) && /(^|\.)(\d+|0x[0-9a-f]*)$/.test(host)) return null
  return { host, port }
}

export function isAllowed(rules: readonly AllowRule[], host: string, port: number): boolean {
  return rules.some((rule) => rule.port === port && (rule.kind === 'below' ? host.endsWith(`.${rule.host}`) : host === rule.host))
}

/**
 * May a connection go to this resolved address? Private, loopback, link-local and other special
 * addresses only when the list names that very address: a public name may point anywhere.
 */
export function isReachable(rules: readonly AllowRule[], address: string, port: number): boolean {
  if (!isSpecial(address)) return true
  return rules.some((rule) => rule.kind === 'address' && rule.port === port && rule.host === address)
}

const special = new BlockList()
const V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24],
  ['192.0.2.0', 24], ['192.88.99.0', 24], ['192.168.0.0', 16], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24], ['224.0.0.0', 4], ['240.0.0.0', 4],
]
for (const [net, bits] of V4) special.addSubnet(net, bits, 'ipv4')

/** IPv6 is allowed only inside 2000::/3 (global unicast), without the ranges that carry IPv4 or are for documents. */
const global6 = new BlockList()
global6.addSubnet('2000::', 3, 'ipv6')
const special6 = new BlockList()
for (const [net, bits] of [['2001::', 23], ['2001:db8::', 32], ['2002::', 16]] as const) special6.addSubnet(net, bits, 'ipv6')

function isSpecial(address: string): boolean {
  const version = isIP(address)
  if (version === 4) return special.check(address, 'ipv4')
  if (version === 6) return !global6.check(address, 'ipv6') || special6.check(address, 'ipv6')
  return true
}
