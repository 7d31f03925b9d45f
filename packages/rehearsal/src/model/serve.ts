import { pause } from '@factory/shared'
import { choose, startMemory } from './choose.ts'
import { MessagesRequest, readConversation, type Conversation } from './conversation.ts'
import { toEvents, toMessage, type Event } from './events.ts'
import { toAnswer } from './faults.ts'
import { loadScripts } from './load.ts'
import type { Rule, Script } from './script.ts'

/** A request as it arrived, for assertions. `rule` is null where no rule matched. */
export type SeenRequest = { method: string; path: string; headers: Record<string, string>; body: unknown; prompt: string; turn: number; rule: string | null }

export type ModelOptions = {
  /** Checked scripts, or a folder of script files. */
  scripts: readonly Script[] | string
  /** 0 or nothing: any free port. */
  port?: number
  /** Loopback unless told otherwise; containers need an address they can reach. */
  hostname?: string
  /** When given, a request with another `x-api-key` or bearer token gets 401. */
  key?: string
  /** Epoch milliseconds. */
  now?: () => number
  onRequest?: (seen: SeenRequest) => void
}

export type Model = {
  url: string
  port: number
  /** Messages requests in the order of arrival. */
  requests: SeenRequest[]
  /** Takes new scripts; states and counts start over. */
  load(scripts: readonly Script[] | string): Promise<void>
  stop(): Promise<void>
}

const FALLBACK: Pick<Rule, 'stop_reason' | 'usage' | 'headers' | 'delay' | 'pace' | 'cut'> = { headers: {}, delay: 0, pace: 0 }

/** Serves the Messages API from scripts. @throws ScriptError */
export async function startModel(options: ModelOptions): Promise<Model> {
  const read = async (given: readonly Script[] | string) => (typeof given === 'string' ? loadScripts(given) : given)
  const now = options.now ?? Date.now
  let scripts = await read(options.scripts)
  let memory = startMemory(scripts)
  let serial = 0
  const requests: SeenRequest[] = []

  const answer = async (request: Request, path: string): Promise<Response> => {
    const raw: unknown = await request.json().catch(() => null)
    const parsed = MessagesRequest.safeParse(raw)
    const headers = Object.fromEntries(request.headers)
    if (options.key !== undefined && headers['x-api-key'] !== options.key && headers['authorization'] !== `Bearer ${options.key}`) return failure(401, 'authentication_error', 'invalid x-api-key')
    if (!parsed.success) {
      const issue = parsed.error.issues[0]
      return failure(400, 'invalid_request_error', `${issue?.path.map(String).join('.') || 'body'}: ${issue?.message ?? 'not JSON'}`)
    }
    const talk = readConversation(parsed.data)
    const characters = JSON.stringify(raw).length
    if (path.endsWith('/count_tokens')) return Response.json({ input_tokens: Math.ceil(characters / 4) })
    const chosen = choose(scripts, memory, talk)
    if (chosen) memory = chosen.memory
    const seen: SeenRequest = { method: request.method, path, headers, body: raw, prompt: talk.prompt, turn: talk.turn, rule: chosen?.choice.name ?? null }
    requests.push(seen)
    options.onRequest?.(seen)
    serial += 1
    const rule = chosen?.choice.rule ?? FALLBACK
    if (rule.delay > 0) await pause(rule.delay, request.signal)
    const fault = chosen?.choice.rule.fault
    if (fault) {
      const made = toAnswer(fault, now() / 1000, talk.model)
      return made ? Response.json(made.body, { status: made.status, headers: { 'request-id': `req_rehearsal_${serial}`, ...made.headers } }) : streamed([], rule, 0, request.signal)
    }
    const message = toMessage(chosen?.choice.blocks ?? [{ text: fallbackText(talk) }], rule, { model: talk.model, characters }, serial)
    if (parsed.data.stream !== true && rule.cut === undefined) return Response.json(message, { headers: { ...rule.headers, 'request-id': `req_rehearsal_${serial}` } })
    return streamed(toEvents(message), rule, rule.cut, request.signal)
  }

  const server = Bun.serve({
    port: options.port ?? 0,
    hostname: options.hostname ?? '127.0.0.1',
    idleTimeout: 0,
    fetch(request) {
      const path = new URL(request.url).pathname
      if (request.method === 'POST' && /\/v1\/messages(\/count_tokens)?$/.test(path)) return answer(request, path)
      if (request.method === 'HEAD' || request.method === 'GET') return new Response(request.method === 'HEAD' ? null : 'A scripted model: POST /v1/messages\n')
      return failure(404, 'not_found_error', `${request.method} ${path} is not part of the scripted model`)
    },
  })
  return {
    url: server.url.origin,
    port: server.port ?? 0,
    requests,
    async load(given) {
      scripts = await read(given)
      memory = startMemory(scripts)
    },
    stop: () => server.stop(true),
  }
}

/** A prompt that no script expects must end the turn, not hang the caller or fail it. */
const fallbackText = (talk: Conversation): string => `No rule of the scripted model matches this prompt (turn ${talk.turn}).`

function failure(status: number, type: string, message: string): Response {
  return Response.json({ type: 'error', error: { type, message } }, { status })
}

function streamed(events: readonly Event[], rule: Pick<Rule, 'pace' | 'headers'>, cut: number | undefined, signal: AbortSignal): Response {
  const encoder = new TextEncoder()
  let at = 0
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (cut !== undefined && at >= cut) {
        // An errored body makes Bun reset the socket, and drops what it has not sent yet, and the
        // other side what it has not read yet: a busy one needs a rule with a pace. Without
        // a reason, because Bun prints the reason on the console.
        if (at > 0) await pause(Math.max(25, rule.pace), signal)
        return controller.error()
      }
      const event = events[at]
      if (!event) return controller.close()
      if (at > 0 && rule.pace > 0) await pause(rule.pace, signal)
      at += 1
      controller.enqueue(encoder.encode(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`))
    },
  })
  return new Response(body, { headers: { ...rule.headers, 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' } })
}
