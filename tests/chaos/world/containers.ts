import { docker } from './docker.ts'

const lines = (text: string) => text.split('\n').filter(Boolean)

/** Names of the containers of one factory's workers, in whatever state or in one. */
export async function containers(instance: string, status?: 'running'): Promise<string[]> {
  return lines(await docker('ps', '-a', '--format', '{{.Names}}', '--filter', `name=^/factory-${instance}-`, ...(status === undefined ? [] : ['--filter', `status=${status}`])))
}

/** false: it was gone already. */
export async function killContainer(name: string): Promise<boolean> {
  return docker('kill', '-s', 'KILL', name).then(() => true, () => false)
}

export async function pauseContainer(name: string, ms: number): Promise<boolean> {
  const paused = await docker('pause', name).then(() => true, () => false)
  // Meanwhile the factory may have ended and removed it.
  if (paused) setTimeout(() => void docker('unpause', name).catch(() => {}), ms)
  return paused
}

/** Caches outlive their factory on purpose; those of a chaos run would only fill the disk. */
export async function removeVolumes(instance: string): Promise<void> {
  const names = lines(await docker('volume', 'ls', '-q', '--filter', `name=factory-cache-${instance}-`))
  if (names.length > 0) await docker('volume', 'rm', ...names)
}
