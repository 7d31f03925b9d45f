import type { Trust } from './keep.ts'

export type Desk = { url: string; close(): void }

/** The desk's answer. Nobody at the desk (the worker is stopped, or gone) is a no. */
const YES = 204
const NO = 409

/**
 * Where the lock command, a process of its own, asks the worker whether the run is trusted at this
 * moment. `/doubt` has the worker renew first: for one that was just told that the run has ended. On
 * loopback and without a secret: whoever asks learns one bit and costs at most a heartbeat.
 */
export function openDesk(trust: Pick<Trust, 'trusted' | 'confirm'>): Desk {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const sure = new URL(request.url).pathname === '/doubt' || !trust.trusted() ? await trust.confirm() : true
      return new Response(null, { status: sure && trust.trusted() ? YES : NO })
    },
  })
  return { url: server.url.origin, close: () => void server.stop(true) }
}

/** Asks the desk. False after `timeoutMs` without an answer. Never rejects. */
export async function askDesk(deskUrl: string, how: '/' | '/doubt', timeoutMs: number): Promise<boolean> {
  try {
    return (await fetch(new URL(how, deskUrl), { signal: AbortSignal.timeout(timeoutMs) })).status === YES
  } catch {
    return false
  }
}
