import { pause } from '../until.ts'
import type { LightAssignment } from './assignment.ts'

/**
 * The naive way, for `--without outbox`: whoever ends the work opens its pull request then and there, under a
 * name that is free, and tries again when it seems to have failed.
 */
export async function sendDirectly(direct: { apiUrl: string; token: string }, { repo, itemId, title, token }: LightAssignment, headSha: string): Promise<void> {
  const post = (path: string, body: unknown) => fetch(`${direct.apiUrl}/repos/${repo}${path}`, { method: 'POST', headers: { authorization: `token ${direct.token}`, 'content-type': 'application/json' }, body: JSON.stringify(body) }).then(({ ok }) => ok, () => false)
  for (let tries = 0; tries < 5; tries += 1) {
    const head = `factory/${itemId}-directly-${token}-${tries}`
    const sent = (await post('/git/refs', { ref: `refs/heads/${head}`, sha: headSha })) && (await post('/pulls', { title, head, base: 'main', body: 'sent directly' }))
    if (sent) return
    await pause(50)
  }
}
