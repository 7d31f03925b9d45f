import { FactoryError, HTTP_STATUS } from '@factory/shared'

/** What of a request goes on to the orchestrator. Cookies and forwarding headers do not. */
const PASSED_ON = ['authorization', 'content-type', 'accept', 'last-event-id', 'if-none-match'] as const
/** What of an answer comes back. Lengths and encodings are this hop's own. */
const PASSED_BACK = ['content-type', 'cache-control', 'etag', 'retry-after', 'x-request-id', 'location'] as const

export type Proxy = ((request: Request) => Promise<Response>) & { stop(): void }

/** Passes a call on and its answer back as it comes, so that an event stream stays one. */
export function createProxy(orchestratorUrl: string): Proxy {
  const closing = new AbortController()
  const pass = async (request: Request): Promise<Response> => {
    const from = new URL(request.url)
    const headers = new Headers()
    for (const name of PASSED_ON) {
      const value = request.headers.get(name)
      if (value !== null) headers.set(name, value)
    }
    const hasBody = request.method !== 'GET' && request.method !== 'HEAD'
    let answer: Response
    try {
      answer = await fetch(orchestratorUrl + from.pathname + from.search, {
        method: request.method,
        headers,
        ...(hasBody ? { body: await request.arrayBuffer() } : {}),
        // A redirect would carry the bearer token to wherever it points.
        redirect: 'manual',
        signal: AbortSignal.any([request.signal, closing.signal]),
      })
    } catch {
      return unreachable(orchestratorUrl)
    }
    const back = new Headers()
    for (const name of PASSED_BACK) {
      const value = answer.headers.get(name)
      if (value !== null) back.set(name, value)
    }
    if (!back.has('cache-control')) back.set('cache-control', 'no-store')
    return new Response(answer.body && endingQuietly(answer.body), { status: answer.status, headers: back })
  }
  return Object.assign(pass, { stop: () => closing.abort() })
}

/**
 * An event stream ends by being cut, on every stop of either side: that is no defect of ours to
 * report. (A JSON answer that is cut short does not parse, so the caller notices without help.)
 */
function endingQuietly(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      } catch {
        controller.close()
      }
    },
    cancel: (reason) => reader.cancel(reason).catch(() => {}),
  })
}

function unreachable(orchestratorUrl: string): Response {
  const error = new FactoryError('unavailable', `The orchestrator at ${orchestratorUrl} does not answer. Is it running?`)
  return Response.json(error.toBody(), { status: HTTP_STATUS.unavailable, headers: { 'retry-after': '2' } })
}
