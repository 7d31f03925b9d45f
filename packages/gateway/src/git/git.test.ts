import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { grantFor } from '../testing/index.ts'
import { createBareRepo, git, must } from '../testing/git-backend.ts'
import { GITHUB_TOKEN, RUN_TOKEN, startBench, type Bench } from '../testing/gateway.ts'

const REF = 'refs/factory/wip/3/12'
let bench: Bench
let clone: string
let bare: string

const url = (repo: string) => `${bench.gateway.url}/git/${repo}.git`
const auth = (token = RUN_TOKEN) => ({ GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'http.extraHeader', GIT_CONFIG_VALUE_0: `Authorization: Bearer ${token}` })
const refs = async () => (await must(bare, ['for-each-ref', '--format=%(refname)'])).split('\n')

beforeAll(async () => {
  bench = await startBench()
  await mkdir(bench.repos, { recursive: true })
  bare = await createBareRepo(bench.repos, 'acme/shop', { 'README.md': '# Shop\n' })
  await createBareRepo(bench.repos, 'acme/secret', { 'README.md': '# Secret\n' })
  bench.orchestrator.grants.set('frt_8_verify_run_token_0000', grantFor({ kind: 'verify' }))
  bench.orchestrator.grants.set('frt_9_spec_run_token_000000', grantFor({ kind: 'spec' }))
  bench.orchestrator.grants.set('frt_10_ended_run_token_00000', grantFor({ leaseExpiresAt: new Date(0).toISOString() }))
  clone = join(bench.dir, 'clone')
  const cloned = await git(bench.dir, ['clone', '-q', url('acme/shop'), clone], auth())
  expect(cloned.err).toBe('')
  await Bun.write(join(clone, 'a.txt'), 'a\n')
  await must(clone, ['add', '.'])
  await must(clone, ['commit', '-qm', 'Work'])
})
afterAll(() => bench.stop())

const push = (...refspecs: string[]) => git(clone, ['push', 'origin', ...refspecs], auth())

describe('git through the gateway', () => {
  test('takes the token as a basic password too, and puts the factory\'s credential in', async () => {
    const { code } = await git(bench.dir, ['ls-remote', url('acme/shop').replace('http://', `http://any:${RUN_TOKEN}@`)])
    expect(code).toBe(0)
    const direct = await git(bench.dir, ['ls-remote', url('acme/shop')])
    expect(direct.code).not.toBe(0)
  })

  test('lets the run\'s own ref through, created and then forced', async () => {
    expect(await push(`HEAD:${REF}`)).toMatchObject({ code: 0 })
    expect(await must(bare, ['rev-parse', REF])).toBe(await must(clone, ['rev-parse', 'HEAD']))
    await must(clone, ['commit', '-q', '--amend', '-m', 'Work again'])
    expect(await push(`+HEAD:${REF}`)).toMatchObject({ code: 0 })
    expect(await must(bare, ['rev-parse', REF])).toBe(await must(clone, ['rev-parse', 'HEAD']))
  })

  test('refuses another ref in git\'s own way, and forwards nothing', async () => {
    const before = await refs()
    bench.forgeCalls.length = 0
    for (const ref of ['refs/heads/main', 'refs/heads/new', 'refs/tags/v1', `${REF}/x`, 'refs/factory/wip/3/13']) {
      const { code, err } = await push(`HEAD:${ref}`)
      expect(code).not.toBe(0)
      expect(err).toContain('[remote rejected]')
      expect(err).toContain(`this run may push to ${REF} only`)
    }
    expect(await refs()).toEqual(before)
    expect(bench.forgeCalls.filter((call) => call.startsWith('POST'))).toEqual([])
  })

  test('refuses its own ref together with another one', async () => {
    const before = await must(bare, ['rev-parse', REF])
    await must(clone, ['commit', '-q', '--allow-empty', '-m', 'More'])
    const { code, err } = await push(`HEAD:${REF}`, 'HEAD:refs/heads/other')
    expect(code).not.toBe(0)
    expect(err.match(/\[remote rejected\]/g)).toHaveLength(2)
    expect(await must(bare, ['rev-parse', REF])).toBe(before)
    expect(await refs()).not.toContain('refs/heads/other')
  })

  test('refuses to delete', async () => {
    const { code, err } = await push(`:${REF}`)
    expect(code).not.toBe(0)
    expect(err).toContain('a run may not delete its ref')
    expect(await refs()).toContain(REF)
  })

  test('refuses push options, which start things on some forges', async () => {
    await must(bare, ['config', 'receive.advertisePushOptions', 'true'])
    const { code, err } = await git(clone, ['push', '-o', 'ci.skip', 'origin', `HEAD:${REF}`], auth())
    expect(code).not.toBe(0)
    expect(err).toContain('push options are not allowed')
    await must(bare, ['config', '--unset', 'receive.advertisePushOptions'])
  })

  test('a pack larger than git holds back streams through', async () => {
    await Bun.write(join(clone, 'big.bin'), crypto.getRandomValues(new Uint8Array(65_536)).toString().repeat(20).slice(0, 4_000_000))
    await Bun.write(join(clone, 'noise.bin'), Buffer.concat(Array.from({ length: 60 }, () => crypto.getRandomValues(new Uint8Array(65_536)))))
    await must(clone, ['add', '.'])
    await must(clone, ['commit', '-qm', 'Big'])
    expect(await push(`+HEAD:${REF}`)).toMatchObject({ code: 0 })
    expect(await must(bare, ['rev-parse', REF])).toBe(await must(clone, ['rev-parse', 'HEAD']))
    // A large push to another ref is read to its end, so that git shows the reason and not a broken pipe.
    await Bun.write(join(clone, 'noise2.bin'), Buffer.concat(Array.from({ length: 60 }, () => crypto.getRandomValues(new Uint8Array(65_536)))))
    await must(clone, ['add', '.'])
    await must(clone, ['commit', '-qm', 'Bigger'])
    const refused = await push('HEAD:refs/heads/main')
    expect(refused.err).toContain(`this run may push to ${REF} only`)
  })

  test('knows only the run\'s own repository', async () => {
    const { code, err } = await git(bench.dir, ['ls-remote', url('acme/secret')], auth())
    expect(code).not.toBe(0)
    expect(err).toContain('this run works on acme/shop, not on acme/secret')
    expect((await fetch(`${url('acme/shop')}/../secret.git/info/refs?service=git-upload-pack`, { headers: { authorization: `Bearer ${RUN_TOKEN}` } })).status).not.toBe(200)
  })

  test.each([
    ['frt_8_verify_run_token_0000', 'verify'],
    ['frt_9_spec_run_token_000000', 'spec'],
  ])('%s fetches but does not push', async (token, kind) => {
    expect(await git(bench.dir, ['ls-remote', url('acme/shop')], auth(token))).toMatchObject({ code: 0 })
    const { code, err } = await git(clone, ['push', 'origin', `HEAD:${REF}`], auth(token))
    expect(code).not.toBe(0)
    expect(err).toContain(`a ${kind} run does not push`)
  })

  test('says 401 to an unknown token, 409 to an ended run and 404 to everything that is not git', async () => {
    const status = async (path: string, token: string, method = 'GET') => (await fetch(`${bench.gateway.url}/git/${path}`, { method, headers: { authorization: `Bearer ${token}` } })).status
    expect(await status('acme/shop.git/info/refs?service=git-upload-pack', 'frt_99_nobody')).toBe(401)
    expect(await status('acme/shop.git/info/refs?service=git-upload-pack', 'frt_10_ended_run_token_00000')).toBe(409)
    for (const path of ['acme/shop.git/info/refs', 'acme/shop.git/HEAD', 'acme/shop.git/objects/info/packs', 'acme/shop.git/info/lfs/locks', 'acme/shop.git/info/refs?service=git-upload-archive']) expect(await status(path, RUN_TOKEN)).toBe(404)
    expect(await status('acme/shop.git/git-receive-pack', RUN_TOKEN, 'PUT')).toBe(404)
  })

  test('a run that lost its right since the last fetch does not push any more', async () => {
    const token = 'frt_12_just_ended_00000000'
    bench.orchestrator.grants.set(token, grantFor())
    expect(await git(bench.dir, ['ls-remote', url('acme/shop')], auth(token))).toMatchObject({ code: 0 })
    bench.orchestrator.grants.delete(token)
    expect((await git(clone, ['push', 'origin', `+HEAD:${REF}`], auth(token))).code).not.toBe(0)
  })

  test('a repository that the forge does not have is 404, not a question for a password', async () => {
    bench.orchestrator.grants.set('frt_11_gone_run_token_00000', grantFor({ repo: 'acme/gone' }))
    const { err } = await git(bench.dir, ['ls-remote', url('acme/gone')], auth('frt_11_gone_run_token_00000'))
    expect(err).toContain('the forge has no repository acme/gone')
    expect(err).not.toContain('could not read Username')
  })

  test('a push by hand: gzip is unpacked before it is read, nonsense is refused', async () => {
    const send = (body: Uint8Array<ArrayBuffer> | string, headers: Record<string, string> = {}) =>
      fetch(`${url('acme/shop')}/git-receive-pack`, { method: 'POST', body, headers: { authorization: `Bearer ${RUN_TOKEN}`, 'content-type': 'application/x-git-receive-pack-request', ...headers } })
    const line = (text: string) => (text.length + 4).toString(16).padStart(4, '0') + text
    const evil = `${line(`${'0'.repeat(40)} ${'1'.repeat(40)} refs/heads/main\0 report-status`)}0000`
    bench.forgeCalls.length = 0
    expect(await (await send(evil)).text()).toContain('ng refs/heads/main')
    expect(await (await send(new Uint8Array(Bun.gzipSync(evil)), { 'content-encoding': 'gzip' })).text()).toContain('ng refs/heads/main')
    const own = `${'0'.repeat(40)} ${'1'.repeat(40)} ${REF}`
    expect(await (await send(`${line(`${own}\0 report-status`)}${line(own)}0000`)).text()).toContain('a run pushes one ref at a time')
    expect((await send(evil, { 'content-encoding': 'br' })).status).toBe(400)
    expect((await send('not git at all')).status).toBe(403)
    expect((await send('0032push-cert')).status).toBe(400)
    expect((await send(`${line('push-cert\0 x')}0000`)).status).toBe(403)
    expect((await send(new Uint8Array([31, 139, 8, 0, 1, 2, 3]), { 'content-encoding': 'gzip' })).status).toBe(400)
    expect(bench.forgeCalls).toEqual([])
  })

  test('no credential is in the logs', () => {
    const text = bench.logs.join('\n')
    expect(bench.logs.length).toBeGreaterThan(20)
    for (const secret of [RUN_TOKEN, GITHUB_TOKEN, btoa(`x-access-token:${GITHUB_TOKEN}`), 'frt_8_verify', 'fct_test']) expect(text).not.toContain(secret)
  })
})
