import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import Docker from 'dockerode'
import { z } from 'zod'
import { StartError } from '../../ports/worker-runtime.ts'

/**
 * A client that opens a connection for each call. One that was kept from an engine that is gone by now
 * fails the call that it is used for, and the first calls after the engine's return would be those.
 * @throws Error when the address is none of an engine
 */
export function connectEngine(dockerHost: string | undefined): Docker {
  const docker = clientOf(dockerHost)
  const overTls = 'protocol' in docker.modem && docker.modem.protocol === 'https'
  Object.assign(docker.modem, { agent: overTls ? new HttpsAgent({ keepAlive: false }) : new HttpAgent({ keepAlive: false }) })
  return docker
}

function clientOf(dockerHost: string | undefined): Docker {
  // The library's own defaults: DOCKER_HOST, DOCKER_CERT_PATH, the usual sockets.
  if (!dockerHost) return new Docker()
  const url = new URL(dockerHost)
  if (url.protocol === 'unix:') return new Docker({ socketPath: url.pathname })
  if (url.protocol !== 'tcp:') throw new Error(`DOCKER_HOST is ${dockerHost}: it must be unix:///path or tcp://host:port`)
  return new Docker({ host: url.hostname, port: Number(url.port || 2375) })
}

const EngineAnswer = z.object({
  statusCode: z.number(),
  // An answer without a body has '' here.
  json: z.union([z.object({ message: z.string() }), z.unknown().transform(() => null)]),
  reason: z.string().nullish().catch(null),
})

/** What the engine answered when it refused: its HTTP status and words. null: it did not answer. */
export function refusal(error: unknown): { status: number; message: string } | null {
  const parsed = EngineAnswer.safeParse(error)
  if (!parsed.success) return null
  return { status: parsed.data.statusCode, message: parsed.data.json?.message ?? wordsOf(error) ?? parsed.data.reason ?? `status ${parsed.data.statusCode}` }
}

/** Of a call that streams (a pull) the library gives the engine's words only inside its own: "(HTTP code 404) unexpected - words ". */
function wordsOf(error: unknown): string | undefined {
  return error instanceof Error ? /^\(HTTP code \d+\) [^-]* - ([\s\S]*\S)\s*$/.exec(error.message)?.[1] : undefined
}

export const isGone = (error: unknown) => refusal(error)?.status === 404

export class EngineSilent extends Error {
  constructor(what: string, ms: number) {
    super(`the engine did not answer to "${what}" within ${ms} ms`)
    this.name = 'EngineSilent'
  }
}

/** A frozen engine keeps its socket open and says nothing: every call has an end of its own. */
export async function bounded<T>(what: string, ms: number, call: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new EngineSilent(what, ms)), ms)
  })
  try {
    return await Promise.race([call, timeout])
  } finally {
    clearTimeout(timer)
  }
}

/** The engine's words when an image cannot carry a worker, whatever we try again. */
const UNUSABLE = /executable file not found|exec format error|exec: .*(no such file or directory|permission denied)|invalid reference format|no matching manifest/i

export function startError(error: unknown, image: string): StartError {
  if (error instanceof StartError) return error
  const answer = refusal(error)
  const words = answer?.message ?? (error instanceof Error ? error.message : String(error))
  if (!answer) return new StartError('engine_unavailable', `Docker does not answer: ${words}`, { permanent: false, cause: error })
  if (UNUSABLE.test(words)) return new StartError('image_unusable', `image ${image} cannot carry a worker: ${words}`, { permanent: true, cause: error })
  return new StartError('start_failed', `Docker refused to start the worker: ${words}`, { permanent: false, cause: error })
}

/** The registry knows no such image, or not for us: asking again changes nothing. A registry out of reach may come back. */
const NO_SUCH_IMAGE = /not found|manifest unknown|no matching manifest|does not exist|access denied|unauthorized|invalid reference/i

/** The engine's answer was 200 before the registry said no: what went wrong stands in a line of its stream. */
class PullFailed extends Error {}
const ErrorLine = z.object({ error: z.string() })

function settle(lines: readonly unknown[], resolve: () => void, reject: (error: Error) => void): void {
  const told = lines.map((line) => ErrorLine.safeParse(line)).find((line) => line.success)
  if (told) reject(new PullFailed(told.data.error))
  else resolve()
}

/**
 * Fetches an image from its registry.
 * @throws StartError image_unusable, permanent when the registry has no such image for us
 */
export async function pull(docker: Docker, image: string, ms: number): Promise<void> {
  try {
    const stream = await bounded(`pull ${image}`, ms, docker.pull(image))
    await bounded(`pull ${image}`, ms, new Promise<void>((resolve, reject) => docker.modem.followProgress(stream, (error: Error | null, lines: unknown[]) => (error ? reject(error) : settle(lines, resolve, reject)))))
  } catch (error) {
    const words = refusal(error)?.message ?? (error instanceof Error ? error.message : String(error))
    if (!refusal(error) && !(error instanceof PullFailed)) throw startError(error, image)
    throw new StartError('image_unusable', `image ${image} is not on this engine and cannot be pulled: ${words}`, { permanent: NO_SUCH_IMAGE.test(words), cause: error })
  }
}
