import type Docker from 'dockerode'
import { cachePrefix, isCacheVolume } from './container-options.ts'
import { refusal } from './engine.ts'
import { LABELS } from './options.ts'
import { exists, fillerOf, toolsVolumeOf } from './volumes.ts'

type Sweep = {
  docker: Docker
  instance: string
  /** The image whose tools stay. */
  image: string
  now: () => number
  call: <T>(what: string, promise: Promise<T>) => Promise<T>
}

/** What is younger may still be on its way to its use. Milliseconds. */
const LEFT_OVER_MS = 600_000

/** Removes what starts that were interrupted and images that are gone left on the engine; not the caches. */
export async function sweepEngine(sweep: Sweep): Promise<string[]> {
  return [...(await sweepHelpers(sweep)), ...(await sweepNetworks(sweep)), ...(await sweepTools(sweep))]
}

const isOld = ({ now }: Sweep, madeMs: number) => now() - madeMs > LEFT_OVER_MS

/** false: it is in use, or gone already. */
async function removed({ call }: Sweep, name: string, removal: Promise<unknown>): Promise<boolean> {
  try {
    await call(`remove ${name}`, removal)
    return true
  } catch (error) {
    // A network that is in use is "forbidden".
    if ([403, 404, 409].includes(refusal(error)?.status ?? 0)) return false
    throw error
  }
}

/** Containers that fill a cache live for a moment; one that stayed keeps its volume from ever being removed. */
async function sweepHelpers(sweep: Sweep): Promise<string[]> {
  const { docker, instance } = sweep
  const isOurs = (name: string) => name.endsWith(fillerOf('')) && isCacheVolume(instance, name.slice(0, -fillerOf('').length))
  const found = await sweep.call('list', docker.listContainers({ all: true, filters: { name: [cachePrefix(instance)] } }))
  const gone: string[] = []
  for (const { Id, Names, Created } of found) {
    const name = Names.map((one) => one.slice(1)).find(isOurs)
    if (name !== undefined && isOld(sweep, Created * 1000) && (await removed(sweep, name, docker.getContainer(Id).remove()))) gone.push(name)
  }
  return gone
}

/** Workers have no network; whoever makes one in our name (a repository's services) must not leave it. */
async function sweepNetworks(sweep: Sweep): Promise<string[]> {
  const found = await sweep.call('list networks', sweep.docker.listNetworks({ filters: { label: [`${LABELS.instance}=${sweep.instance}`] } }))
  const gone: string[] = []
  for (const { Id, Name, Created } of found) if (isOld(sweep, Date.parse(Created)) && (await removed(sweep, Name, sweep.docker.getNetwork(Id).remove()))) gone.push(Name)
  return gone
}

/**
 * Tools are shared by all factories on the engine, so only those go that can be nobody's present image:
 * without a name any more, or gone. Who used such an image by its number copies its tools anew.
 */
async function sweepTools(sweep: Sweep): Promise<string[]> {
  const { docker, image } = sweep
  const present = await tagsOf(sweep, image)
  // Not there now: then which tools are the present ones is not known either.
  if (present === null) return []
  const { Volumes } = await sweep.call('list volumes', docker.listVolumes({ filters: { label: [LABELS.tools] } }))
  const gone: string[] = []
  for (const volume of Volumes ?? []) {
    const name = volume.Name
    const id = /^factory-tools-([0-9a-f]{12})$/.exec(name)?.[1]
    const made = 'CreatedAt' in volume && typeof volume.CreatedAt === 'string' ? Date.parse(volume.CreatedAt) : 0
    if (id === undefined || name === toolsVolumeOf(present.id) || !isOld(sweep, made)) continue
    if (((await tagsOf(sweep, id))?.tags ?? 0) > 0 || (await hasUsers(sweep, name))) continue
    // First the container that filled it, which holds both volume and image; killed in between, the next sweep goes on.
    if (await exists(name, 20_000, docker.getContainer(name).inspect())) await removed(sweep, name, docker.getContainer(name).remove())
    if (await removed(sweep, name, docker.getVolume(name).remove())) gone.push(name)
  }
  return gone
}

async function tagsOf({ call, docker }: Sweep, image: string): Promise<{ id: string; tags: number } | null> {
  try {
    const { Id, RepoTags } = await call(`inspect ${image}`, docker.getImage(image).inspect())
    return { id: Id, tags: (RepoTags ?? []).length }
  } catch (error) {
    if (refusal(error)?.status === 404) return null
    throw error
  }
}

/** Containers of the volume besides the one that filled it. */
async function hasUsers({ call, docker }: Sweep, volume: string): Promise<boolean> {
  const found = await call('list', docker.listContainers({ all: true, filters: { volume: [volume] } }))
  return found.some(({ Names }) => !Names.includes(`/${volume}`))
}
