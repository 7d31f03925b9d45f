import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { restApp, resolveNumber } from './api/app.ts'
import { controlApp } from './control.ts'
import { createRepo, type NewRepo } from './create-repo.ts'
import { stats } from './diff.ts'
import type { FateCounts, FaultRates } from './fault-rates.ts'
import { createFaults, type Fault, type FaultRule } from './faults.ts'
import { isGitPath, serveGit } from './http-backend.ts'
import { addComment, addLabels, editIssue, findIssue, openIssue, removeLabel, setState, type IssueEdit, type NewIssue } from './issue.ts'
import { pagesApp } from './pages/app.ts'
import { API_PATH, commentPayload, issuePayload, pullPayload } from './payloads.ts'
import { mergePull, openPull, pullFacts, type MergeMethod, type NewPull } from './pull.ts'
import { createMailer, type Delivery, type Webhook } from './webhooks.ts'
import { readToken } from './access.ts'
import { findRepo, type App, type Comment, type Issue, type Repo, type Token, type World } from './world.ts'

export type ForgeOptions = {
  /** 0 or nothing: any free port. */
  port?: number
  /** Loopback unless told otherwise; containers need an address they can reach. */
  hostname?: string
  /** Bare repositories are kept here; the rest of the state lives in memory. */
  dataDir: string
  tokens: readonly Token[]
  /** GitHub Apps, for who rehearses with GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY. */
  apps?: readonly App[]
  webhook?: Webhook
  /** How links in answers name this forge; nothing: its own address. */
  publicUrl?: string
  /** What a login is to a repository it does not own (OWNER, MEMBER, COLLABORATOR, CONTRIBUTOR, NONE). */
  associations?: Readonly<Record<string, string>>
  /** Requests an hour and token; never used up unless given (GitHub gives 5000). */
  hourlyLimit?: number
  /** Bearer token of `/_rehearsal/`; without one it answers this machine's own programs only. */
  controlToken?: string
  now?: () => Date
}

/** A request as it was answered, for assertions. */
export type SeenCall = { method: string; path: string; query: string; login: string | null; status: number }

export type Forge = {
  /** People and git. */
  url: string
  /** Octokit's `baseUrl`. */
  apiUrl: string
  port: number
  requests: SeenCall[]
  deliveries: Delivery[]
  createRepo(repo: NewRepo): Promise<Repo>
  repo(name: string): Repo
  openIssue(repo: string, login: string, issue: NewIssue): Issue
  editIssue(repo: string, number: number, login: string, edit: IssueEdit): void
  label(repo: string, number: number, login: string, ...names: string[]): void
  unlabel(repo: string, number: number, login: string, name: string): void
  comment(repo: string, number: number, login: string, body: string, association?: string): Comment
  close(repo: string, number: number, login: string): void
  reopen(repo: string, number: number, login: string): void
  issue(repo: string, number: number): ReturnType<typeof issuePayload>
  comments(repo: string, number: number): ReturnType<typeof commentPayload>[]
  pulls(repo: string): ReturnType<typeof pullPayload>[]
  /** The same, with what git says of them. */
  pullsWithStats(repo: string): Promise<(ReturnType<typeof pullPayload> & { merged: boolean; additions: number; deletions: number; files: { filename: string; additions: number; deletions: number }[] })[]>
  openPull(repo: string, login: string, pull: NewPull): Promise<Issue>
  merge(repo: string, number: number, login: string, method?: MergeMethod): Promise<string>
  addWebhook(webhook: Webhook): void
  redeliver(id: number): Promise<Delivery>
  /** Resolves once every webhook delivery so far is answered. */
  settled(): Promise<void>
  /** How many pull requests were ever opened from each branch, whatever became of them. */
  pullsPerHead(repo: string): Record<string, number>
  fault(rule: FaultRule): Fault
  /** Requests go wrong by chance from now on; null: no longer. */
  setFaultRates(rates: FaultRates | null): void
  faultRates(): { rates: FaultRates; counts: FateCounts } | null
  /** Rules and rates. */
  clearFaults(): void
  stop(): Promise<void>
}

/** Starts a GitHub-shaped forge on loopback. */
export async function startForge(options: ForgeOptions): Promise<Forge> {
  const dataDir = resolve(options.dataDir)
  await mkdir(dataDir, { recursive: true })
  const mailer = createMailer()
  if (options.webhook) mailer.add(options.webhook)
  const faults = createFaults()
  const requests: SeenCall[] = []
  let ids = 1000
  let publicUrl = options.publicUrl?.replace(/\/$/, '') ?? ''

  const world: World = {
    repos: new Map(),
    tokens: [...options.tokens],
    apps: options.apps ?? [],
    associations: options.associations ?? {},
    dataDir,
    now: options.now ?? (() => new Date()),
    nextId: () => (ids += 1),
    publicUrl: () => publicUrl,
    emit: (happening) => mailer.send(world, happening),
  }

  const rest = restApp(world, { hourlyLimit: options.hourlyLimit ?? 1_000_000 })
  const pages = pagesApp(world)

  const seen = async (request: Request, path: string, login: string | null, answer: () => Promise<Response>): Promise<Response> => {
    const call: SeenCall = { method: request.method, path, query: new URL(request.url).search.slice(1), login, status: 0 }
    requests.push(call)
    const response = await faults.around(request, path, answer)
    call.status = response.status
    return response
  }

  const server = Bun.serve({
    port: options.port ?? 0,
    hostname: options.hostname ?? '127.0.0.1',
    idleTimeout: 0,
    maxRequestBodySize: 1024 ** 3,
    async fetch(request, server) {
      const url = new URL(request.url)
      if (url.pathname.startsWith('/_rehearsal/')) {
        const refused = guard(request, server.requestIP(request)?.address ?? '', options.controlToken)
        return refused ?? control.fetch(request)
      }
      const login = readToken(world, request.headers.get('authorization'))?.login ?? null
      if (url.pathname.startsWith(`${API_PATH}/`)) {
        url.pathname = resolveNumber(world, url.pathname)
        const path = url.pathname.slice(API_PATH.length)
        return seen(request, path, login, async () => rest.fetch(new Request(url, request)))
      }
      if (isGitPath(url.pathname)) return seen(request, url.pathname, login, () => serveGit(world, request))
      return pages.fetch(request)
    },
  })
  if (publicUrl === '') publicUrl = server.url.origin

  const forge: Forge = {
    url: server.url.origin,
    apiUrl: `${server.url.origin}${API_PATH}`,
    port: server.port ?? 0,
    requests,
    deliveries: mailer.deliveries,
    createRepo: (repo) => createRepo(world, repo),
    repo: (name) => findRepo(world, name),
    openIssue: (name, login, issue) => openIssue(world, findRepo(world, name), login, issue),
    editIssue: (name, number, login, edit) => on(name, number, (repo, issue) => editIssue(world, repo, issue, login, edit)),
    label: (name, number, login, ...names) => on(name, number, (repo, issue) => addLabels(world, repo, issue, login, names)),
    unlabel: (name, number, login, label) => on(name, number, (repo, issue) => removeLabel(world, repo, issue, login, label)),
    comment: (name, number, login, body, association) => on(name, number, (repo, issue) => addComment(world, repo, issue, login, body, association)),
    close: (name, number, login) => on(name, number, (repo, issue) => setState(world, repo, issue, login, 'closed')),
    reopen: (name, number, login) => on(name, number, (repo, issue) => setState(world, repo, issue, login, 'open')),
    issue: (name, number) => on(name, number, (repo, issue) => issuePayload(world, repo, issue)),
    comments: (name, number) => on(name, number, (repo, issue) => issue.comments.map((comment) => commentPayload(world, repo, issue, comment))),
    pulls: (name) => pullsOf(findRepo(world, name)).map(({ repo, issue, pull }) => pullPayload(world, repo, issue, pull)),
    pullsWithStats: (name) =>
      Promise.all(
        pullsOf(findRepo(world, name)).map(async ({ repo, issue, pull }) => {
          const { files } = await pullFacts(repo, pull)
          return { ...pullPayload(world, repo, issue, pull), merged: pull.mergedAt !== null, ...stats(files), files: files.map(({ filename, additions, deletions }) => ({ filename, additions, deletions })) }
        }),
      ),
    openPull: (name, login, pull) => openPull(world, findRepo(world, name), login, pull),
    merge: (name, number, login, method) =>
      on(name, number, (repo, issue) => {
        if (!issue.pull) throw new Error(`${name}#${number} is no pull request`)
        return mergePull(world, repo, issue, issue.pull, login, method ? { method } : {})
      }),
    addWebhook: mailer.add,
    redeliver: mailer.redeliver,
    settled: mailer.settled,
    pullsPerHead(name) {
      const counts: Record<string, number> = {}
      for (const { pull } of pullsOf(findRepo(world, name))) counts[pull.head] = (counts[pull.head] ?? 0) + 1
      return counts
    },
    fault: faults.add,
    setFaultRates: faults.setRates,
    faultRates: faults.rates,
    clearFaults: faults.clear,
    stop: async () => {
      await server.stop(true)
      await mailer.settled()
    },
  }
  const on = <T>(name: string, number: number, act: (repo: Repo, issue: Issue) => T): T => {
    const repo = findRepo(world, name)
    return act(repo, findIssue(repo, number))
  }
  const pullsOf = (repo: Repo) => [...repo.issues.values()].flatMap((issue) => (issue.pull ? [{ repo, issue, pull: issue.pull }] : []))
  const control = controlApp(forge)
  return forge
}

/** The control API can do everything: it is for programs of this machine, or for who has its token. */
function guard(request: Request, address: string, token: string | undefined): Response | null {
  if (token !== undefined) return request.headers.get('authorization') === `Bearer ${token}` ? null : Response.json({ message: 'The control API needs its token' }, { status: 401 })
  const own = /^(::ffff:)?127\.|^::1$/.test(address)
  // A page in the browser is a stranger too.
  return own && !request.headers.has('origin') ? null : Response.json({ message: 'The control API answers programs of its own machine only' }, { status: 403 })
}
