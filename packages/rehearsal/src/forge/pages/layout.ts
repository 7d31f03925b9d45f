import { html, Html } from './html.ts'

const STYLE = `
:root{color-scheme:light dark;--line:#d0d7de;--soft:#656d76;--card:#f6f8fa;--add:#dafbe1;--del:#ffebe9;--hunk:#ddf4ff;--open:#1a7f37;--closed:#8250df;--link:#0969da}
@media(prefers-color-scheme:dark){:root{--line:#30363d;--soft:#8d96a0;--card:#161b22;--add:#12361f;--del:#4a1d1f;--hunk:#121d2f;--open:#3fb950;--closed:#a371f7;--link:#4493f8}}
*{box-sizing:border-box}
body{font:15px/1.55 system-ui,sans-serif;max-width:1000px;margin:0 auto;padding:1.25rem}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
header{border-bottom:1px solid var(--line);padding-bottom:.6rem;margin-bottom:1.2rem;color:var(--soft)}
h1{font-size:1.6rem;margin:.2rem 0}h1 small{color:var(--soft);font-weight:400}
.state{display:inline-block;border:1px solid currentColor;border-radius:1em;padding:0 .7em;font-weight:600;color:var(--open)}
.state.closed,.state.merged{color:var(--closed)}
.label{display:inline-block;border:1px solid var(--line);border-radius:1em;padding:0 .6em;font-size:.85em;background:var(--card)}
.card{border:1px solid var(--line);border-radius:6px;margin:1rem 0;overflow:hidden}
.card>h3{margin:0;padding:.45rem .9rem;background:var(--card);border-bottom:1px solid var(--line);font-size:.9em;font-weight:400;color:var(--soft)}
.card>div{padding:.2rem .9rem;overflow-x:auto}
.event{color:var(--soft);font-size:.9em;margin:.5rem 0 .5rem 1rem}
table{border-collapse:collapse}td,th{border:1px solid var(--line);padding:.25rem .6rem;text-align:left}
pre{overflow-x:auto;background:var(--card);padding:.7rem;border-radius:6px;font-size:.87em}
.diff{margin:0;padding:0;border-radius:0;background:none;font:12.5px/1.5 ui-monospace,monospace}
.diff span{display:block;padding:0 .9rem;white-space:pre;min-width:max-content}
.diff .add{background:var(--add)}.diff .del{background:var(--del)}.diff .hunk{background:var(--hunk);color:var(--soft)}
.plus{color:var(--open)}.minus{color:#cf222e}.soft{color:var(--soft)}
ul.rows{list-style:none;padding:0;border:1px solid var(--line);border-radius:6px}ul.rows li{padding:.5rem .9rem;border-top:1px solid var(--line)}ul.rows li:first-child{border-top:0}
li.task-list-item{list-style:none;margin-left:-1.3em}
`

/** One whole page. Nothing in it runs: it has no script and may load nothing. */
export function layout(title: string, trail: readonly { name: string; href: string }[], content: Html, status = 200): Response {
  const page = html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title}</title><style>${new Html(STYLE)}</style></head><body><header><a href="/">Rehearsal forge</a>${trail.map((step) => html` / <a href="${step.href}">${step.name}</a>`)}</header><main>${content}</main></body></html>`
  return new Response(page.text, {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' },
  })
}

