import { Hono, type Context } from 'hono'
import { unifiedDiff } from '../diff.ts'
import { tryGit } from '../git.ts'
import { pullFacts } from '../pull.ts'
import { fullName, repoKey, type Issue, type Pull, type Repo, type World } from '../world.ts'
import { html, markdown, type Html } from './html.ts'
import { issueList, issueTop, pullChanges, talk } from './issue.ts'
import { layout } from './layout.ts'

/** The pages that `html_url` fields lead to. For people; they need no token, as the forge holds play data. */
export function pagesApp(world: World): Hono {
  const app = new Hono()
  const repoOf = (c: Context): Repo | undefined => world.repos.get(repoKey(c.req.param('owner') ?? '', c.req.param('repo') ?? ''))
  const issueOf = (c: Context) => {
    const repo = repoOf(c)
    const issue = repo?.issues.get(Number(c.req.param('number')))
    return repo && issue ? { repo, issue } : null
  }
  const pullOf = (c: Context): { repo: Repo; issue: Issue; pull: Pull } | null => {
    const found = issueOf(c)
    return found?.issue.pull ? { ...found, pull: found.issue.pull } : null
  }

  app.get('/', () => {
    const repos = [...world.repos.values()]
    const row = (repo: Repo) => html`<li><a href="/${fullName(repo)}"><strong>${fullName(repo)}</strong></a> <span class="soft">${repo.description}</span></li>`
    return layout('Rehearsal forge', [], html`<h1>Repositories</h1>${repos.length > 0 ? html`<ul class="rows">${repos.map(row)}</ul>` : html`<p class="soft">There is none yet.</p>`}`)
  })

  app.get('/:owner/:repo', async (c) => {
    const repo = repoOf(c)
    if (!repo) return missing()
    const [files, readme] = await Promise.all([tryGit(repo.dir, ['ls-tree', '--name-only', repo.defaultBranch]), tryGit(repo.dir, ['show', `${repo.defaultBranch}:README.md`])])
    const issues = [...repo.issues.values()].reverse()
    return layout(
      fullName(repo),
      trail(repo),
      html`<h1>${fullName(repo)}</h1><p class="soft">${repo.description}</p>
<h2>Pull requests</h2>${issueList(repo, issues.filter((issue) => issue.pull))}
<h2>Issues</h2>${issueList(repo, issues.filter((issue) => !issue.pull))}
<h2>Files <span class="soft">on ${repo.defaultBranch}</span></h2><pre>${files.stdout || 'none'}</pre>
${readme.code === 0 && html`<div class="card"><h3>README.md</h3><div>${markdown(readme.stdout)}</div></div>`}`,
    )
  })

  app.get('/:owner/:repo/issues/:number', (c) => {
    const found = issueOf(c)
    if (!found) return missing()
    const { repo, issue } = found
    if (issue.pull) return c.redirect(`/${fullName(repo)}/pull/${issue.number}`)
    return layout(`${issue.title} · #${issue.number}`, trail(repo), html`${issueTop(repo, issue)}${talk(repo, issue)}`)
  })

  app.get('/:owner/:repo/pull/:file{[0-9]+\\.(diff|patch)}', async (c) => {
    const repo = repoOf(c)
    const pull = repo?.issues.get(Number.parseInt(c.req.param('file'), 10))?.pull
    if (!repo || !pull) return missing()
    return c.text(await unifiedDiff(repo.dir, (await pullFacts(repo, pull)).from, pull.headSha))
  })

  app.get('/:owner/:repo/pull/:number', async (c) => {
    const found = pullOf(c)
    if (!found) return missing()
    const { repo, issue, pull } = found
    return layout(`${issue.title} · #${issue.number}`, trail(repo), html`${issueTop(repo, issue)}${talk(repo, issue)}${pullChanges(await pullFacts(repo, pull))}`)
  })

  app.notFound(() => missing())
  return app
}

const trail = (repo: Repo) => [{ name: fullName(repo), href: `/${fullName(repo)}` }]

function missing(): Response {
  const text: Html = html`<h1>Not found</h1><p>The rehearsal forge has no such page. Its state lives in memory: it starts empty.</p>`
  return layout('Not found', [], text, 404)
}
