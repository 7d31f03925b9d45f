import { api, CreateWork, CreateWorkLong, CreateWorkShort, ErrorBody, FactoryEvent, FactoryMetrics, FactoryStatus, Learning, RestoreReport, Run, VerifyReport, WorkItem, WorkSummary, type Endpoint } from '@factory/shared'
import { z } from 'zod'
import { EventsQuery } from '../events/routes.ts'
import { endpointNames } from './mount.ts'

type Json = Record<string, unknown>

/** Schemas that get a name of their own in the document. */
const NAMED = { CreateWork, CreateWorkLong, CreateWorkShort, ErrorBody, FactoryEvent, FactoryMetrics, FactoryStatus, Learning, Run, VerifyReport, WorkItem, WorkSummary } satisfies Record<string, z.ZodType>

/** The OpenAPI 3.1 document of the API. 3.1 speaks JSON Schema 2020-12, which is what zod writes. */
export function openApi(version: string): Json {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(NAMED)) registry.add(schema, { id })
  const components: Json = {}
  const render = (schema: z.ZodType, io: 'input' | 'output'): Json => {
    const { $schema: _dialect, $defs, ...rest } = z.toJSONSchema(schema, { io, metadata: registry, reused: 'inline', unrepresentable: 'any' }) as Json
    Object.assign(components, namedParts($defs))
    return toComponents(rest)
  }
  const paths: Record<string, Json> = {}
  for (const name of endpointNames()) {
    const endpoint: Endpoint = api[name]
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method]: operation(name, endpoint, render) }
  }
  Object.assign(paths, operationsPaths(render))
  const errorBody = render(ErrorBody, 'output')
  if (!('$ref' in errorBody)) components['ErrorBody'] = errorBody
  return {
    openapi: '3.1.0',
    info: { title: 'Software factory', version, description: 'Label a GitHub issue, get a verified pull request. Every error has one shape: {"error":{"code","message","details"}}.' },
    security: [{ person: [] }],
    paths,
    components: {
      schemas: components,
      securitySchemes: {
        person: { type: 'http', scheme: 'bearer', description: "A person's token: FACTORY_TOKEN." },
        run: { type: 'http', scheme: 'bearer', description: "A run's own token, which its worker was started with." },
      },
      responses: { error: { description: 'The code says what kind of error it is, the details name the fields.', content: { 'application/json': { schema: { $ref: '#/components/schemas/ErrorBody' } } } } },
    },
  }
}

type Render = (schema: z.ZodType, io: 'input' | 'output') => Json

function operation(name: string, endpoint: Endpoint, render: Render): Json {
  const answer = { description: 'Done.', content: { 'application/json': { schema: render(endpoint.response, 'output') } } }
  const errors = ['400', ...(endpoint.audience === 'public' ? [] : ['401', '403']), ...(endpoint.params ? ['404', '409'] : []), ...(endpoint.body ? ['413', '422'] : []), '500', '503']
  return {
    operationId: name,
    summary: endpoint.summary,
    tags: [endpoint.path.split('/')[1] ?? 'api'],
    security: endpoint.audience === 'public' ? [] : [{ [endpoint.audience]: [] }],
    parameters: [...parameters('path', endpoint.params, render), ...parameters('query', endpoint.query, render)],
    ...(endpoint.body ? { requestBody: { required: true, content: { 'application/json': { schema: render(endpoint.body, 'input') } } } } : {}),
    responses: {
      '200': answer,
      ...(name === 'createWork' ? { '200': { ...answer, description: 'It was there already.' }, '201': { ...answer, description: 'It is new.' } } : {}),
      ...Object.fromEntries(errors.map((status) => [status, { $ref: '#/components/responses/error' }])),
    },
  }
}

function parameters(place: 'path' | 'query', schema: z.ZodObject | undefined, render: Render): Json[] {
  if (!schema) return []
  return Object.entries(schema.shape).map(([name, field]) => ({ name, in: place, required: place === 'path', schema: render(field as z.ZodType, 'input') }))
}

/** What is served beside the table: they answer with something else than JSON. */
function operationsPaths(render: Render): Record<string, Json> {
  const text = (type: string, description: string) => ({ description, content: { [type]: { schema: { type: 'string' } } } })
  const get = (summary: string, open: boolean, responses: Json, more: Json = {}) => ({ get: { summary, tags: ['operations'], security: open ? [] : [{ person: [] }], responses, ...more } })
  const readiness = { content: { 'application/json': { schema: { type: 'object', properties: { ready: { type: 'boolean' }, parts: { type: 'array', items: { type: 'object' } } } } } } }
  return {
    '/health': get('The process lives.', true, { '200': { description: 'It does.' } }),
    '/ready': get('All parts answer.', true, { '200': { description: 'They do.', ...readiness }, '503': { description: 'Names those that do not.', ...readiness } }),
    '/metrics': get('Figures for Prometheus.', false, { '200': text('text/plain', 'Text exposition format.') }),
    '/api/backup': get('The whole store as one file, out of one snapshot.', false, { '200': { description: "gzip'd lines of JSON; whole only with its last line.", content: { 'application/gzip': { schema: { type: 'string', format: 'binary' } } } } }),
    '/api/restore': {
      post: {
        summary: 'Put a backup in the place of an empty store.',
        tags: ['operations'],
        security: [{ person: [] }],
        requestBody: { required: true, content: { 'application/gzip': { schema: { type: 'string', format: 'binary' } } } },
        responses: {
          '200': { description: 'What was restored.', content: { 'application/json': { schema: render(RestoreReport, 'output') } } },
          ...Object.fromEntries(['401', '403', '409', '422'].map((status) => [status, { $ref: '#/components/responses/error' }])),
        },
      },
    },
    '/api/events': get('Server-sent events; with Last-Event-ID what was missed comes first.', false, { '200': text('text/event-stream', 'Each message: id, event (its type), data (a FactoryEvent); and `event: progress` without an id.') }, {
      parameters: [...parameters('query', EventsQuery, render), { name: 'Last-Event-ID', in: 'header', required: false, schema: { type: 'string' } }],
    }),
  }
}

function namedParts(defs: unknown): Json {
  return typeof defs === 'object' && defs !== null ? Object.fromEntries(Object.entries(defs).map(([id, schema]) => [id, toComponents(schema)])) : {}
}

/** zod points at `#/$defs/X`; in an OpenAPI document it is `#/components/schemas/X`. */
function toComponents<T>(schema: T): T {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'))
}
