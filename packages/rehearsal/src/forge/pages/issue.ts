import { stats } from '../diff.ts'
import type { PullFacts } from '../pull.ts'
import { fullName, type Issue, type Repo } from '../world.ts'
import { diffHtml, html, markdown, type Html } from './html.ts'

const stateOf = (issue: Issue): 'open' | 'closed' | 'merged' | 'draft' => (issue.pull?.mergedAt ? 'merged' : issue.state === 'open' && issue.pull?.draft ? 'draft' : issue.state)

const when = (date: Date): Html => html`<time datetime="${date.toISOString()}">${date.toISOString().slice(0, 16).replace('T', ' ')} UTC</time>`

const labels = (issue: Issue): Html => html`${issue.labels.map((name) => html`<span class="label">${name}</span> `)}`

export function issueList(repo: Repo, issues: readonly Issue[]): Html {
  if (issues.length === 0) return html`<p class="soft">There is none.</p>`
  const row = (issue: Issue) => html`<li><span class="state ${stateOf(issue)}">${stateOf(issue)}</span> <a href="/${fullName(repo)}/${issue.pull ? 'pull' : 'issues'}/${issue.number}">${issue.title}</a> <span class="soft">#${issue.number} by ${issue.login}</span> ${labels(issue)}</li>`
  return html`<ul class="rows">${issues.map(row)}</ul>`
}

export function issueTop(repo: Repo, issue: Issue): Html {
  const { pull } = issue
  const about = pull ? html`<strong>${issue.login}</strong> ${pull.mergedAt ? 'merged' : 'wants to merge'} <code>${pull.head}</code> into <code>${pull.base}</code>` : html`<strong>${issue.login}</strong> opened this issue on ${when(issue.createdAt)}`
  return html`<h1>${issue.title} <small>#${issue.number}</small></h1><p><span class="state ${stateOf(issue)}">${stateOf(issue)}</span> ${about} ${labels(issue)}</p>
<div class="card"><h3>${issue.login} (${issue.association.toLowerCase()}) · ${when(issue.createdAt)} · ${fullName(repo)}</h3><div>${issue.body ? markdown(issue.body, fullName(repo)) : html`<p class="soft">No description provided.</p>`}</div></div>`
}

/** Comments and events in the order they happened. */
export function talk(repo: Repo, issue: Issue): Html {
  const comments = issue.comments.map((comment) => ({ id: comment.id, shown: html`<div class="card" id="issuecomment-${comment.id}"><h3>${comment.login} (${comment.association.toLowerCase()}) · ${when(comment.createdAt)}</h3><div>${markdown(comment.body, fullName(repo))}</div></div>` }))
  const events = issue.events.map((event) => ({ id: event.id, shown: html`<p class="event">${event.login} ${event.event}${event.label !== undefined && html` <span class="label">${event.label}</span>`} · ${when(event.createdAt)}</p>` }))
  const reviews = (issue.pull?.reviews ?? []).map((review) => ({ id: review.id, shown: html`<div class="card"><h3>${review.login} ${review.state.toLowerCase().replace('_', ' ')} · ${when(review.submittedAt)}</h3><div>${markdown(review.body, fullName(repo))}</div></div>` }))
  return html`${[...comments, ...events, ...reviews].sort((a, b) => a.id - b.id).map(({ shown }) => shown)}`
}

export function pullChanges({ files, commits, mergeable }: PullFacts): Html {
  const { additions, deletions } = stats(files)
  const verdict = mergeable === null ? '' : mergeable ? ' · can be merged' : ' · has conflicts'
  return html`<h2>Changes</h2><p>${commits} commit${commits !== 1 && 's'} · ${files.length} file${files.length !== 1 && 's'} · <span class="plus">+${additions}</span> <span class="minus">−${deletions}</span>${verdict}</p>
${files.map((file) => html`<div class="card"><h3><strong>${file.previous !== null && `${file.previous} → `}${file.filename}</strong> · ${file.status} · <span class="plus">+${file.additions}</span> <span class="minus">−${file.deletions}</span></h3>${file.patch === '' ? html`<div><p class="soft">${file.binary ? 'Binary file.' : 'No line changes.'}</p></div>` : html`<div style="padding:0">${diffHtml(file.patch)}</div>`}</div>`)}`
}
