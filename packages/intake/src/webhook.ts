import { Webhooks } from '@octokit/webhooks'
import { z } from 'zod'

/** GitHub delivers at most 25 MB; an issue's event is a few hundred kilobytes at the very most. */
export const MAX_DELIVERY_BYTES = 5 * 1024 * 1024
const WINDOW_MS = 60 * 60_000
const MAX_REMEMBERED = 10_000

const ISSUE_ACTIONS = ['opened', 'edited', 'labeled', 'unlabeled', 'closed', 'reopened', 'deleted', 'transferred']

/** What of a delivery we read; the issue itself is then asked for, as polling does. */
const Delivery = z.object({
  action: z.string(),
  issue: z.object({ number: z.number().int().positive(), pull_request: z.unknown().optional() }),
  repository: z.object({ full_name: z.string() }),
})

export type Verdict =
  | { kind: 'refused'; status: 400 | 401 | 404 | 413; code: 'bad_request' | 'unauthorized' | 'not_found' | 'too_large'; message: string }
  | { kind: 'ignored'; reason: string }
  | { kind: 'look'; repo: string; number: number }

export type DeliveryHeaders = { signature: string | null; event: string | null; delivery: string | null }

/** Reads signed deliveries of one secret. A delivery id counts once within an hour. */
export function createWebhookReader(secret: string | undefined, now: () => Date) {
  const webhooks = secret === undefined ? null : new Webhooks({ secret })
  const seen = new Map<string, number>()

  /** True when this id came before; remembers it otherwise. */
  const isReplay = (id: string): boolean => {
    const at = now().getTime()
    for (const [old, time] of seen) {
      if (time > at - WINDOW_MS && seen.size <= MAX_REMEMBERED) break
      seen.delete(old)
    }
    if (seen.has(id)) return true
    seen.set(id, at)
    return false
  }

  return async (headers: DeliveryHeaders, body: string): Promise<Verdict> => {
    if (webhooks === null) return refused(404, 'not_found', 'webhooks are off: set WEBHOOK_SECRET')
    if (body.length > MAX_DELIVERY_BYTES) return refused(413, 'too_large', `a delivery has at most ${MAX_DELIVERY_BYTES} bytes`)
    if (!headers.signature) return refused(401, 'unauthorized', 'X-Hub-Signature-256 is missing')
    if (!(await webhooks.verify(body, headers.signature))) return refused(401, 'unauthorized', 'X-Hub-Signature-256 does not match: check that both sides have the same secret')
    if (!headers.delivery || !headers.event) return refused(400, 'bad_request', 'X-GitHub-Delivery or X-GitHub-Event is missing')
    if (isReplay(headers.delivery)) return { kind: 'ignored', reason: 'this delivery came before' }
    if (headers.event !== 'issues' && headers.event !== 'issue_comment') return { kind: 'ignored', reason: `nothing to do for ${headers.event.slice(0, 50)}` }
    const delivery = Delivery.safeParse(parseJson(body))
    if (!delivery.success) return refused(400, 'bad_request', `not an ${headers.event} delivery: ${delivery.error.issues[0]?.path.join('.') || 'body'} is wrong`)
    const { action, issue, repository } = delivery.data
    const wanted = headers.event === 'issues' ? ISSUE_ACTIONS.includes(action) : action === 'created'
    if (!wanted) return { kind: 'ignored', reason: `nothing to do for ${headers.event}.${action.slice(0, 50)}` }
    if (issue.pull_request) return { kind: 'ignored', reason: 'it is a pull request' }
    return { kind: 'look', repo: repository.full_name, number: issue.number }
  }
}

const refused = (status: 400 | 401 | 404 | 413, code: (Verdict & { kind: 'refused' })['code'], message: string): Verdict => ({ kind: 'refused', status, code, message })

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
