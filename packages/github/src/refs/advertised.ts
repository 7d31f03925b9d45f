import { line, readPackets } from './pkt-line.ts'

/** What a repository says before a push: where its refs stand, and what it understands. */
export type Advertised = { refs: Map<string, string>; capabilities: string[] }

const OID = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/

/**
 * Reads the answer to `GET …/info/refs?service=git-receive-pack` (gitprotocol-http, "Discovering References").
 * @throws SyntaxError when it is none, a login page for example
 */
export function readAdvertised(body: Uint8Array): Advertised {
  const [service, flush, ...rest] = readPackets(body)
  if (!service || line(service) !== '# service=git-receive-pack' || flush !== null) throw new SyntaxError('the answer is no list of refs')
  const refs = new Map<string, string>()
  let capabilities: string[] = []
  for (const [index, content] of rest.entries()) {
    if (content === null) break
    const [text = '', words] = line(content).split('\0')
    if (index === 0) capabilities = (words ?? '').split(' ').filter(Boolean)
    const [oid = '', name = ''] = [text.slice(0, text.indexOf(' ')), text.slice(text.indexOf(' ') + 1)]
    if (!OID.test(oid) || name === '') throw new SyntaxError('the list of refs has a line that is none')
    // A repository without refs names its capabilities on a line of their own.
    if (name !== 'capabilities^{}') refs.set(name, oid)
  }
  return { refs, capabilities }
}
