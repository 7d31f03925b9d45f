import { createHmac, randomUUID } from 'node:crypto'
import { repoPayload, userPayload } from './payloads.ts'
import type { Happening, World } from './world.ts'

export type Webhook = { url: string; secret: string; /** Names of events; nothing: all. */ events?: readonly string[] }

/** One delivery as it was sent. `status` is null when nothing answered. */
export type Delivery = { id: number; guid: string; event: string; action: string | null; redelivery: boolean; body: string; url: string; status: number | null; error: string | null }

export type Mailer = {
  send(world: World, happening: Happening): void
  add(webhook: Webhook): void
  deliveries: Delivery[]
  /** Sends the same body with the same GUID again, as GitHub does. */
  redeliver(id: number): Promise<Delivery>
  /** Resolves once every delivery so far has its answer. */
  settled(): Promise<void>
}

/** GitHub waits ten seconds for an answer and does not try again by itself. */
const PATIENCE = 10_000

export const sign = (secret: string, body: string): string => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`

export function createMailer(): Mailer {
  const webhooks: Webhook[] = []
  const deliveries: Delivery[] = []
  const under = new Set<Promise<void>>()

  const post = (delivery: Delivery, secret: string): Promise<void> => {
    deliveries.push(delivery)
    const sent = fetch(delivery.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'GitHub-Hookshot/rehearsal',
        'x-github-event': delivery.event,
        'x-github-delivery': delivery.guid,
        'x-github-hook-id': '1',
        'x-hub-signature-256': sign(secret, delivery.body),
      },
      body: delivery.body,
      signal: AbortSignal.timeout(PATIENCE),
    }).then(
      (response) => {
        delivery.status = response.status
      },
      (error: unknown) => {
        delivery.error = error instanceof Error ? error.message : String(error)
      },
    )
    under.add(sent)
    void sent.finally(() => under.delete(sent))
    return sent
  }

  return {
    deliveries,
    add: (webhook) => void webhooks.push(webhook),
    send(world, { event, action, repo, login, payload }) {
      // Now, not when it is sent: a payload shows the moment of its event.
      const body = JSON.stringify({ ...(action === null ? {} : { action }), ...payload, repository: repoPayload(world, repo), sender: userPayload(world, login) })
      for (const webhook of webhooks) {
        if (webhook.events && !webhook.events.includes(event)) continue
        void post({ id: deliveries.length + 1, guid: randomUUID(), event, action, redelivery: false, body, url: webhook.url, status: null, error: null }, webhook.secret)
      }
    },
    async redeliver(id) {
      const first = deliveries.find((delivery) => delivery.id === id)
      const webhook = webhooks.find(({ url }) => url === first?.url)
      if (!first || !webhook) throw new Error(`there is no delivery ${id}`)
      const again: Delivery = { ...first, id: deliveries.length + 1, redelivery: true, status: null, error: null }
      await post(again, webhook.secret)
      return again
    },
    async settled() {
      while (under.size > 0) await Promise.all(under)
    },
  }
}
