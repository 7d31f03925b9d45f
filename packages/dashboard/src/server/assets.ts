import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { contentSecurityPolicy, NONCE_MARK } from './security.ts'

type Asset = { body: Uint8Array<ArrayBuffer>; gzip: Uint8Array<ArrayBuffer> | null; type: string }

export type Assets = { serve(request: Request, headers: Headers): Response }

/** Hashed names never change their content; everything else is asked for again. */
const IMMUTABLE = /^\/assets\//

/**
 * Holds the built page in memory (it is small) and answers every other path without a file ending
 * with the page itself, because the page's router knows what to show there.
 */
export async function loadAssets(dist: string): Promise<Assets> {
  const files = new Map<string, Asset>()
  for (const name of await readdir(dist, { recursive: true })) {
    if (name.endsWith('.gz') || name === 'build.json') continue
    const file = Bun.file(join(dist, name))
    if (!(await file.exists())) continue
    const packed = Bun.file(join(dist, `${name}.gz`))
    files.set(`/${name}`, { body: await file.bytes(), gzip: (await packed.exists()) ? await packed.bytes() : null, type: file.type })
  }
  const page = new TextDecoder().decode(files.get('/index.html')?.body ?? new Uint8Array())
  files.delete('/index.html')

  return {
    serve(request, headers) {
      const path = new URL(request.url).pathname
      const file = files.get(path)
      if (file) return serveFile(file, path, request)
      if (/\.[a-z0-9]+$/i.test(path)) return new Response('no such file\n', { status: 404, headers: { 'content-type': 'text/plain' } })
      return servePage(page, headers)
    },
  }
}

function serveFile(file: Asset, path: string, request: Request): Response {
  const packed = file.gzip !== null && /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '')
  return new Response(packed ? file.gzip : file.body, {
    headers: {
      'content-type': file.type,
      'cache-control': IMMUTABLE.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
      vary: 'accept-encoding',
      ...(packed ? { 'content-encoding': 'gzip' } : {}),
    },
  })
}

function servePage(page: string, headers: Headers): Response {
  const nonce = crypto.randomUUID()
  const answer = new Headers(headers)
  answer.set('content-type', 'text/html; charset=utf-8')
  answer.set('cache-control', 'no-store')
  answer.set('content-security-policy', contentSecurityPolicy(nonce))
  return new Response(page.replaceAll(NONCE_MARK, nonce), { headers: answer })
}
