/** Text that is HTML already. Everything else that goes into {@link html} is escaped. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Value = Html | string | number | null | undefined | false | readonly Value[]

/** A template whose values are escaped unless they are {@link Html} themselves. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(parts.map((part, index) => part + (index < values.length ? show(values[index]) : '')).join(''))
}

function show(value: Value): string {
  if (value instanceof Html) return value.text
  if (value === null || value === undefined || value === false) return ''
  if (Array.isArray(value)) return value.map((one: Value) => show(one)).join('')
  return Bun.escapeHTML(String(value))
}

/** The few tags that bodies use for structure; they carry no attribute, so they can do nothing. */
const STRUCTURE = /&lt;(\/?(?:details|summary|sub|kbd|br))&gt;/g

/**
 * GitHub-flavoured Markdown. HTML in it is shown, not done, but for {@link STRUCTURE}; comments are
 * left out. With a repository, `#7` leads to its issue 7.
 */
export function markdown(text: string, repo?: string): Html {
  const rendered = Bun.markdown.html(text.replace(/<!--[\s\S]*?-->/g, ''), { noHtmlBlocks: true, noHtmlSpans: true, autolinks: { url: true } })
  const safe = rendered.replace(/(<a href="|<img src=")([^"]*)"/g, (whole, start: string, target: string) => (/^(https?:|mailto:|#|\/)/i.test(target) ? whole : `${start}#"`))
  const done = safe.replace(STRUCTURE, '<$1>')
  return new Html(repo === undefined ? done : linkNumbers(done, repo))
}

/** Only in running text: not in tags, code, or what is a link already. */
function linkNumbers(rendered: string, repo: string): string {
  let inside = 0
  return rendered
    .split(/(<[^>]*>)/)
    .map((part) => {
      const tag = /^<(\/?)(?:a|code|pre)\b/.exec(part)
      if (tag) inside += tag[1] === '/' ? -1 : 1
      return tag || part.startsWith('<') || inside > 0 ? part : part.replace(/(^|[\s(])#(\d+)\b/g, (_all, before: string, number: string) => `${before}<a href="/${repo}/issues/${number}">#${number}</a>`)
    })
    .join('')
}

/** A unified diff with its lines told apart by colour and by their first character. */
export function diffHtml(patch: string): Html {
  const line = (text: string) => {
    const kind = text.startsWith('@@') ? 'hunk' : text.startsWith('+') ? 'add' : text.startsWith('-') ? 'del' : 'same'
    return html`<span class="${kind}">${text || ' '}</span>`
  }
  return html`<pre class="diff">${patch.split('\n').map(line)}</pre>`
}
