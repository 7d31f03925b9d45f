import { chmodSync } from 'node:fs'
import { z } from 'zod'
import { onFiles } from '../worker/bench.ts'
import type { WorkerSettings } from '../worker/settings.ts'

const Assignment = z.object({
  runId: z.number(),
  kind: z.string(),
  attempt: z.number(),
  token: z.number(),
  itemId: z.number(),
  title: z.string(),
  spec: z.string().nullable(),
  repo: z.string(),
  pushRef: z.string(),
  resume: z.object({ sha: z.string(), baseSha: z.string() }).nullable(),
  heartbeatSeconds: z.number(),
})
const Note = z.object({ assignment: Assignment, what: z.string() })
const Push = z.object({ assignment: Assignment })

/** The one door of workers in containers, in the place of the gateway: their protocol, their commits, their journal. */
export function openDoor(path: string, settings: WorkerSettings, urls: readonly string[]) {
  const bench = onFiles(settings)
  let at = 0
  const server = Bun.serve({
    unix: path,
    async fetch(request) {
      const { pathname } = new URL(request.url)
      if (pathname === '/note') {
        const { assignment, what } = Note.parse(await request.json())
        await bench.note(assignment, what)
        return Response.json({})
      }
      if (pathname === '/push') return Response.json(await bench.push(Push.parse(await request.json()).assignment))
      // The next one each time: who got no answer tries again, and gets another.
      const headers = { authorization: request.headers.get('authorization') ?? '', 'content-type': 'application/json' }
      const answer = await fetch(`${urls[(at += 1) % urls.length]}${pathname}`, { method: request.method, headers, body: await request.text(), signal: AbortSignal.timeout(2000) }).catch(() => null)
      return answer === null ? new Response('no orchestrator answers', { status: 503 }) : new Response(await answer.text(), { status: answer.status })
    },
  })
  // workers are another user
  chmodSync(path, 0o777)
  return server
}
