import { afterEach, describe, expect, test } from 'bun:test'
import { createLogger } from '@factory/shared'
import * as fc from 'fast-check'
import { createGithub, explainGithubError } from '../index.ts'
import { readAdvertised } from './advertised.ts'
import { FLUSH, line, packet, readPackets } from './pkt-line.ts'
import { readReport, renderSwap, type PushReport } from './receive-pack.ts'

const [A, B] = ['a'.repeat(40), 'b'.repeat(40)]
const REF = 'refs/heads/factory/7-x'
const lines = (...texts: string[]) => Buffer.concat([...texts.map(packet), FLUSH])
const onBand = (band: number, content: Buffer) => Buffer.concat([Buffer.from((content.length + 5).toString(16).padStart(4, '0')), Buffer.of(band), content])

describe('packets', () => {
  test('what was written is read, flushes included', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.string({ unit: 'grapheme', maxLength: 50 }))), (texts) => {
        const bytes = Buffer.concat(texts.map((text) => (text === null ? FLUSH : packet(text))))
        expect(readPackets(bytes).map((content) => content?.toString('utf8') ?? null)).toEqual(texts)
      }),
    )
  })
  test('what broke off or is none is never taken for whole', () => {
    const bytes = lines('unpack ok\n', `ok ${REF}\n`)
    for (let cut = 1; cut < bytes.length; cut++) {
      const read = (() => {
        try {
          return readPackets(bytes.subarray(0, cut)).length
        } catch {
          return null
        }
      })()
      expect(read === null || [14, 14 + REF.length + 8].includes(cut)).toBe(true)
    }
    for (const text of ['<html>', '0003', 'fff', '00zz']) expect(() => readPackets(Buffer.from(text))).toThrow(SyntaxError)
    expect(() => packet('x'.repeat(65_517))).toThrow(RangeError)
  })
  test('a line is the packet without its end', () => expect(readPackets(packet('x\n')).map((content) => content && line(content))).toEqual(['x']))
})

describe('the list of refs', () => {
  test('refs with their commits, and the capabilities of the first line', () => {
    const body = Buffer.concat([lines('# service=git-receive-pack\n'), lines(`${A} ${REF}\0report-status side-band-64k\n`, `${B} refs/heads/main\n`)])
    expect(readAdvertised(body)).toEqual({ refs: new Map([[REF, A], ['refs/heads/main', B]]), capabilities: ['report-status', 'side-band-64k'] })
  })
  test('a repository without a commit has none', () => {
    const body = Buffer.concat([lines('# service=git-receive-pack\n'), lines(`${'0'.repeat(40)} capabilities^{}\0report-status\n`)])
    expect(readAdvertised(body)).toEqual({ refs: new Map(), capabilities: ['report-status'] })
  })
  test.each(['<html>sign in</html>', '', '0000', lines('# service=git-upload-pack\n').toString()])('%j is none', (text) => expect(() => readAdvertised(Buffer.from(text))).toThrow(SyntaxError))
})

describe('a swap', () => {
  test('one command with what is expected, and an empty pack with its checksum', () => {
    const body = renderSwap({ ref: REF, from: null, to: B }, ['report-status', 'side-band-64k', 'delete-refs'])
    const pack = body.subarray(body.indexOf('PACK'))
    expect(body.toString('latin1')).toContain(`${'0'.repeat(40)} ${B} ${REF}\0 report-status side-band-64k agent=software-factory0000PACK`)
    expect(pack).toHaveLength(32)
    expect(new Bun.CryptoHasher('sha1').update(pack.subarray(0, 12)).digest('hex')).toBe(pack.subarray(12).toString('hex'))
    expect(renderSwap({ ref: REF, from: A, to: B }, []).toString('latin1')).toContain(`${A} ${B} ${REF}`)
  })
  test.each<[string, Buffer, PushReport]>([
    ['done', lines('unpack ok\n', `ok ${REF}\n`), { ok: true }],
    ['refused', lines('unpack ok\n', `ng ${REF} pre-receive hook declined\n`), { ok: false, reason: 'pre-receive hook declined', words: '' }],
    ['a pack that was not taken', lines('unpack index-pack abnormal exit\n'), { ok: false, reason: 'unpack index-pack abnormal exit', words: '' }],
  ])('%s', (_name, report, expected) => {
    expect(readReport(report, REF, false)).toEqual(expected)
    const said: PushReport = expected.ok ? expected : { ...expected, words: 'GH006: Protected branch' }
    expect(readReport(Buffer.concat([onBand(2, Buffer.from('GH006: Protected branch\n')), onBand(1, report), FLUSH]), REF, true)).toEqual(said)
  })
  test('an answer about another ref, a broken one, or a fatal one says nothing', () => {
    expect(() => readReport(lines('unpack ok\n', 'ok refs/heads/other\n'), REF, false)).toThrow(SyntaxError)
    expect(() => readReport(lines('unpack ok\n', `ok ${REF}x\n`), REF, false)).toThrow(SyntaxError)
    expect(() => readReport(Buffer.alloc(0), REF, true)).toThrow(SyntaxError)
    expect(() => readReport(Buffer.concat([onBand(3, Buffer.from('disk full')), FLUSH]), REF, true)).toThrow('disk full')
  })
})

describe('redirects', () => {
  const servers: { stop(force: boolean): unknown }[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) server.stop(true)
  })
  const serve = (answer: (url: URL) => Response) => {
    const seen: { path: string; authorization: string | null }[] = []
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch(request) {
        const url = new URL(request.url)
        seen.push({ path: url.pathname, authorization: request.headers.get('authorization') })
        return answer(url)
      },
    })
    servers.push(server)
    return { url: `http://127.0.0.1:${server.port}`, seen }
  }
  const refs = (url: string) => createGithub({ token: 'ghp_secret', apiUrl: url, webUrl: url, logger: createLogger('test', 'silent'), retryBaseMs: 1 }).refs

  test('a renamed repository is followed, also by the push; another origin never gets the credential', async () => {
    const advert = Buffer.concat([lines('# service=git-receive-pack\n'), lines(`${A} ${REF}\0report-status\n`)])
    const renamed = serve(({ pathname, search }) => {
      if (pathname.startsWith('/o/old')) return Response.redirect(`${renamed.url}${pathname.replace('old', 'new')}${search}`, 301)
      return new Response(pathname.endsWith('/info/refs') ? advert : lines('unpack ok\n', `ok ${REF}\n`))
    })
    const found = await refs(renamed.url).look('o/old', REF)
    expect(found.at).toBe(A)
    expect(await found.swap(B)).toEqual({ ok: true })
    expect(renamed.seen.map(({ path }) => path)).toEqual(['/o/old.git/info/refs', '/o/new.git/info/refs', '/o/new.git/git-receive-pack'])

    const elsewhere = serve(() => new Response(advert))
    const evil = serve(({ pathname, search }) => Response.redirect(`${elsewhere.url}${pathname}${search}`, 302))
    expect(await refs(evil.url).look('o/r', REF).then(() => 'followed', () => 'refused')).toBe('refused')
    expect(elsewhere.seen).toEqual([])
  })

  test('a page that is no git is unreachable, and a lost report is not taken for an answer', async () => {
    const portal = serve(() => new Response('<html>sign in</html>'))
    const page: unknown = await refs(portal.url).look('o/r', REF).catch((error: unknown) => error)
    expect(explainGithubError(page).code).toBe('unreachable')
    const cut = serve(({ pathname }) => new Response(pathname.endsWith('/info/refs') ? Buffer.concat([lines('# service=git-receive-pack\n'), lines(`${A} ${REF}\0report-status\n`)]) : ''))
    const found = await refs(cut.url).look('o/r', REF)
    expect(explainGithubError(await found.swap(B).catch((error: unknown) => error)).code).toBe('unreachable')
    expect(cut.seen).toHaveLength(2)
  })
})
