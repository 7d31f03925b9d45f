import { z } from 'zod'
import { fail, ok, skipped, warn, type Finding } from '../finding.ts'
import { limit, reason, type Examined } from '../examined.ts'

const Version = z.object({ Version: z.string() })

/** The engine, and the image in which workers run. */
export async function checkDocker({ env }: Examined): Promise<Finding[]> {
  if (env.WORKER_RUNTIME === 'process') return [skipped('docker', 'WORKER_RUNTIME is process'), skipped('worker image', 'WORKER_RUNTIME is process')]
  const engine = engineAt(env.DOCKER_HOST)
  if (engine === null) return [fail('docker', `DOCKER_HOST is of a form that doctor cannot ask`, 'Use unix:///path or tcp://host:port')]
  try {
    const answer = await ask(engine, '/version')
    const parsed = Version.safeParse(await answer.json())
    const detail = `engine ${parsed.success ? parsed.data.Version : ''} at ${engine.name}`
    return [answer.ok ? ok('docker', detail) : fail('docker', `${engine.name} answers ${answer.status}`, 'See the engine\'s log'), await checkImage(engine, env.WORKER_IMAGE)]
  } catch (error) {
    const detail = `no engine answers at ${engine.name}: ${reason(error)}`
    const fix = 'Install and start Docker (./scripts/setup.sh as root does), or add yourself to the group docker'
    const needed = env.WORKER_RUNTIME === 'docker'
    return [needed ? fail('docker', detail, fix) : warn('docker', `${detail}; workers run as plain processes, which is no sandbox`, fix), skipped('worker image', 'no engine')]
  }
}

async function checkImage(engine: Engine, image: string): Promise<Finding> {
  const answer = await ask(engine, `/images/${encodeURIComponent(image)}/json`)
  if (answer.status === 404) return fail('worker image', `${image} is not built`, 'Run ./scripts/build-images.sh')
  return answer.ok ? ok('worker image', `${image} is there`) : fail('worker image', `the engine answers ${answer.status}`, "See the engine's log")
}

type Engine = { name: string; base: string; unix: string | null }

function engineAt(host: string | undefined): Engine | null {
  if (host === undefined) return { name: '/var/run/docker.sock', base: 'http://localhost', unix: '/var/run/docker.sock' }
  if (host.startsWith('unix://')) return { name: host, base: 'http://localhost', unix: host.slice('unix://'.length) }
  if (host.startsWith('tcp://')) return { name: host, base: `http://${host.slice('tcp://'.length)}`, unix: null }
  return null
}

function ask(engine: Engine, path: string): Promise<Response> {
  return fetch(engine.base + path, { signal: limit(), ...(engine.unix === null ? {} : { unix: engine.unix }) })
}
