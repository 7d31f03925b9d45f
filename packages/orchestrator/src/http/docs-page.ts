import { api, type Endpoint, type EndpointName } from '@factory/shared'
import { z } from 'zod'
import { endpointNames } from './mount.ts'

const WHO = { public: 'nobody needs a token', person: "a person's token", run: "the run's own token" } as const
const GROUPS: readonly [title: string, belongs: (path: string) => boolean][] = [
  ['Work', (path) => path.startsWith('/api/work/') || path === '/api/work'],
  ['Workers', (path) => path.startsWith('/api/workers')],
  ['The factory', (path) => path.startsWith('/api/') && !path.startsWith('/api/work')],
  ['Worker protocol', (path) => path.startsWith('/worker/')],
  ['Between services', (path) => path.startsWith('/internal/')],
]

/** The API as one page that needs nothing from anywhere: no script, no font, no network. */
export function docsPage(version: string): string {
  const groups = GROUPS.map(([title, belongs]) => {
    const names = endpointNames().filter((name) => belongs(api[name].path))
    return `<h2>${title}</h2>\n${names.map(endpointSection).join('\n')}`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Software factory: API</title>
<style>
:root { color-scheme: light dark; --soft: light-dark(#f3f4f6, #23262d); --line: light-dark(#d5d9e0, #3a3f4a) }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, summary b { font-family: ui-monospace, monospace; font-size: .92em }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0; padding: .5rem .8rem }
details[open] { background: var(--soft) } summary { cursor: pointer }
table { border-collapse: collapse; width: 100%; margin: .3rem 0 1rem } th, td { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid var(--line) }
</style></head><body>
<h1>Software factory API <small>${escape(version)}</small></h1>
<p>The same as a document for programs: <a href="/openapi.json"><code>/openapi.json</code></a>. Every call but
<code>/health</code> and <code>/ready</code> needs <code>Authorization: Bearer &lt;token&gt;</code>. Every error is
<code>{"error":{"code","message","details":[{"path","problem"}]}}</code>; programs go by the code. Each answer carries
<code>X-Request-Id</code>, which the log knows.</p>
${groups.join('\n')}
<h2>Operations</h2>
<table><tr><td><code>GET /health</code></td><td>The process lives.</td></tr><tr><td><code>GET /ready</code></td><td>Every part answers; 503 names those that do not.</td></tr>
<tr><td><code>GET /metrics</code></td><td>Figures for Prometheus.</td></tr>
<tr><td><code>GET /api/events</code></td><td>Server-sent events; <code>itemId</code> and <code>types</code> choose, <code>Last-Event-ID</code> (header) or <code>lastEventId</code> brings what was missed.</td></tr></table>
</body></html>
`
}

function endpointSection(name: EndpointName): string {
  const endpoint: Endpoint = api[name]
  return `<details id="${name}"><summary><b>${endpoint.method.toUpperCase()} ${escape(endpoint.path)}</b> ${escape(endpoint.summary)}</summary>
<p>Needs ${WHO[endpoint.audience]}.</p>
${part('In the path', endpoint.params, 'input')}${part('Query', endpoint.query, 'input')}${part('Body', endpoint.body, 'input')}${part('Answer', endpoint.response, 'output')}</details>`
}

function part(title: string, schema: z.ZodType | undefined, io: 'input' | 'output'): string {
  if (!schema) return ''
  const json = asRecord(z.toJSONSchema(schema, { io, reused: 'inline', unrepresentable: 'any' }))
  const forms = Array.isArray(json['anyOf']) ? json['anyOf'].map(asRecord) : [json]
  return forms.map((form, index) => `<h4>${title}${forms.length > 1 ? `, form ${index + 1} of ${forms.length}` : ''}</h4>\n${fieldTable(form)}`).join('\n')
}

function fieldTable(schema: Record<string, unknown>): string {
  const required = Array.isArray(schema['required']) ? schema['required'] : []
  const rows = Object.entries(asRecord(schema['properties'])).map(([name, field]) => {
    const need = required.includes(name) ? 'required' : ''
    return `<tr><td><code>${escape(name)}</code></td><td>${escape(describeType(asRecord(field), 0))}</td><td>${need}</td></tr>`
  })
  return rows.length === 0 ? `<p>${escape(describeType(schema, 0))}</p>` : `<table>${rows.join('')}</table>`
}

/** More forms of one value than this are for /openapi.json to tell. */
const FEW = 4

/** A type in words: "text of 1 to 300 characters", "list of {path, problem}". */
function describeType(schema: Record<string, unknown>, depth: number): string {
  if (Array.isArray(schema['enum'])) return schema['enum'].map(String).join(' | ')
  if (Array.isArray(schema['type'])) return schema['type'].map((type) => describeType({ ...schema, type }, depth)).join(' or ')
  if (Array.isArray(schema['anyOf'])) return schema['anyOf'].map((form) => describeType(asRecord(form), depth)).join(' or ')
  if (Array.isArray(schema['oneOf'])) return schema['oneOf'].length > FEW ? `one of ${schema['oneOf'].length} kinds of object` : schema['oneOf'].map((form) => describeType(asRecord(form), depth)).join(' or ')
  switch (schema['type']) {
    case 'object': {
      const names = Object.keys(asRecord(schema['properties']))
      return names.length === 0 ? 'object' : `{ ${names.join(', ')} }`
    }
    case 'array':
      return depth > 2 ? 'list' : `list of ${describeType(asRecord(schema['items']), depth + 1)}`
    case 'string':
      return `${schema['format'] === undefined ? 'text' : String(schema['format'])}${bounds(schema['minLength'], schema['maxLength'], ' characters')}`
    case 'integer':
    case 'number':
      return `${String(schema['type'])}${bounds(schema['minimum'], schema['maximum'], '')}${schema['default'] === undefined ? '' : `, ${String(schema['default'])} by default`}`
    default:
      return typeof schema['type'] === 'string' ? schema['type'] : 'any JSON'
  }
}

function bounds(min: unknown, max: unknown, unit: string): string {
  const sane = (value: unknown) => typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER
  if (sane(min) && sane(max)) return ` of ${String(min)} to ${String(max)}${unit}`
  if (sane(max)) return ` of at most ${String(max)}${unit}`
  return ''
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
