/** One line of a push: move `ref` from `from` to `to` (all zeros: there is none). */
type PushCommand = { from: string; to: string; ref: string }
export type PushHead = {
  commands: PushCommand[]
  capabilities: string[]
  /** Bytes up to and with the flush packet that ends the commands. */
  length: number
}
export type ReadResult = { done: false } | { done: true; head: PushHead } | { done: true; problem: string }

/** Room for a few thousand refs; a run pushes one. */
const MAX_HEAD = 1024 * 1024
const OID = '[0-9a-f]{40}(?:[0-9a-f]{24})?'
const COMMAND = new RegExp(`^(${OID}) (${OID}) ([^\\0]+)$`)
const SHALLOW = new RegExp(`^shallow ${OID}$`)

/**
 * Reads the commands at the start of a receive-pack request (gitprotocol-pack, "Reference Update
 * Request"). Call it again with more bytes while it is not done. Whatever is not exactly a command
 * or a shallow line is a problem, push certificates included: what is not understood is not let by.
 */
export function readCommands(bytes: Uint8Array): ReadResult {
  const problem = (text: string): ReadResult => ({ done: true, problem: text })
  const commands: PushCommand[] = []
  let capabilities: string[] | null = null
  let at = 0
  while (true) {
    if (at > MAX_HEAD) return problem('the list of refs is too long')
    if (bytes.length < at + 4) return { done: false }
    const digits = latin1(bytes, at, at + 4)
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) return problem('the push is not in git\'s packet format')
    const size = Number.parseInt(digits, 16)
    if (size === 0) return { done: true, head: { commands, capabilities: capabilities ?? [], length: at + 4 } }
    if (size <= 4) return problem('the push has an unexpected packet')
    if (bytes.length < at + size) return { done: false }
    const line = latin1(bytes, at + 4, at + size)
    at += size
    const zero = line.indexOf('\0')
    const text = (zero < 0 ? line : line.slice(0, zero)).replace(/\n$/, '')
    if (zero < 0 && SHALLOW.test(text)) continue
    // git looks for capabilities on every line, and the last ones count; we take none but the first.
    if (zero >= 0 && capabilities) return problem('the push names its capabilities twice')
    const match = COMMAND.exec(text)
    if (!match) return problem('the push has a line that is not a ref update')
    if (zero >= 0) capabilities = line.slice(zero + 1).trim().split(/\s+/).filter(Boolean)
    commands.push({ from: match[1] ?? '', to: match[2] ?? '', ref: match[3] ?? '' })
  }
}

/** Byte for byte: a ref in another encoding must never look like the right one. */
const latin1 = (bytes: Uint8Array, from: number, to: number) => Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1')

export type Refusal = { ref: string; reason: string }

/** Which of the commands may not be, and why. Empty: the push may go on. */
export function judgePush(head: PushHead, pushRef: string): Refusal[] {
  // Push options start things on some forges (a merge request, a skipped pipeline).
  if (head.capabilities.includes('push-options')) return head.commands.map(({ ref }) => ({ ref, reason: 'push options are not allowed' }))
  const bad = head.commands.flatMap(({ ref, to }): Refusal[] => {
    if (ref !== Buffer.from(pushRef).toString('latin1')) return [{ ref, reason: `this run may push to ${pushRef} only` }]
    if (/^0+$/.test(to)) return [{ ref, reason: 'a run may not delete its ref' }]
    return []
  })
  if (bad.length > 0) return head.commands.map(({ ref }) => bad.find((refusal) => refusal.ref === ref) ?? { ref, reason: 'refused with the other refs of this push' })
  if (head.commands.length > 1) return head.commands.map(({ ref }) => ({ ref, reason: 'a run pushes one ref at a time' }))
  return []
}

/** The answer of a receive-pack that refused, which git prints as `! [remote rejected] … (reason)`. */
export function renderRefusal(head: PushHead, refusals: readonly Refusal[]): Buffer {
  const report = Buffer.concat([packet('unpack ok\n'), ...refusals.map(({ ref, reason }) => packet(`ng ${ref} ${reason}\n`)), Buffer.from('0000')])
  const band = head.capabilities.includes('side-band-64k') ? 65_515 : head.capabilities.includes('side-band') ? 995 : 0
  if (band === 0) return report
  const parts: Buffer[] = []
  for (let at = 0; at < report.length; at += band) parts.push(packet(Buffer.concat([Buffer.of(1), report.subarray(at, at + band)])))
  return Buffer.concat([...parts, Buffer.from('0000')])
}

function packet(content: string | Buffer): Buffer {
  const body = typeof content === 'string' ? Buffer.from(content, 'latin1') : content
  return Buffer.concat([Buffer.from((body.length + 4).toString(16).padStart(4, '0')), body])
}
