import { describe, expect, test } from 'bun:test'
import { Webhooks } from '@octokit/webhooks'
import { createWebhookReader, MAX_DELIVERY_BYTES } from './webhook.ts'

const secret = 'correct horse'
const signer = new Webhooks({ secret })
const payload = (over: object = {}) => JSON.stringify({ action: 'labeled', issue: { number: 3 }, repository: { full_name: 'o/r' }, ...over })

let clock = new Date('2026-01-01T00:00:00Z')
const reader = () => createWebhookReader(secret, () => clock)

async function headers(body: string, over: Partial<{ signature: string | null; event: string | null; delivery: string | null }> = {}) {
  return { signature: await signer.sign(body), event: 'issues', delivery: crypto.randomUUID(), ...over }
}

describe('a delivery', () => {
  test.each(['opened', 'edited', 'labeled', 'unlabeled', 'closed', 'reopened'])('issues.%s is looked at', async (action) => {
    const body = payload({ action })
    expect(await reader()(await headers(body), body)).toEqual({ kind: 'look', repo: 'o/r', number: 3 })
  })

  test.each([
    ['no signature', { signature: null }, 401],
    ['a wrong signature', { signature: `sha256=${'0'.repeat(64)}` }, 401],
    ['a signature of nothing', { signature: 'garbage' }, 401],
    ['no delivery id', { delivery: null }, 400],
    ['no event', { event: null }, 400],
  ])('%s is refused', async (_name, over, status) => {
    const body = payload()
    expect(await reader()(await headers(body, over), body)).toMatchObject({ kind: 'refused', status })
  })

  test('a body that was changed on the way is refused', async () => {
    expect(await reader()(await headers(payload()), payload({ action: 'closed' }))).toMatchObject({ kind: 'refused', status: 401 })
  })

  test.each([
    ['an unknown event', 'push', payload()],
    ['a comment that was edited', 'issue_comment', payload({ action: 'edited' })],
    ['an action that changes nothing', 'issues', payload({ action: 'pinned' })],
    ['a comment on a pull request', 'issue_comment', payload({ action: 'created', issue: { number: 3, pull_request: {} } })],
  ])('%s is accepted and ignored', async (_name, event, body) => {
    expect(await reader()(await headers(body, { event }), body)).toMatchObject({ kind: 'ignored' })
  })

  test.each([['not JSON'], ['null'], ['{}'], [payload({ issue: { number: 'x' } })]])('%s is refused', async (body) => {
    expect(await reader()(await headers(body), body)).toMatchObject({ kind: 'refused', status: 400 })
  })

  test('a replay counts once, within an hour, and a forged one takes no id', async () => {
    const read = reader()
    const body = payload()
    const given = await headers(body, { delivery: 'same' })
    expect(await read({ ...given, signature: 'sha256=00' }, body)).toMatchObject({ kind: 'refused' })
    expect(await read(given, body)).toMatchObject({ kind: 'look' })
    expect(await read(given, body)).toMatchObject({ kind: 'ignored' })
    clock = new Date(clock.getTime() + 3_600_001)
    expect(await read(given, body)).toMatchObject({ kind: 'look' })
  })

  test('too large is refused, and without a secret webhooks are off', async () => {
    const body = 'x'.repeat(MAX_DELIVERY_BYTES + 1)
    expect(await reader()(await headers('x'), body)).toMatchObject({ kind: 'refused', status: 413 })
    expect(await createWebhookReader(undefined, () => clock)(await headers('x'), 'x')).toMatchObject({ kind: 'refused', status: 404 })
  })
})
