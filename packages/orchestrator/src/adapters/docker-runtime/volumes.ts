import type Docker from 'dockerode'
import { bounded, isGone, refusal } from './engine.ts'
import { LABELS, PATHS } from './options.ts'

type Filled = { docker: Docker; image: string; volume: string; target: string; labels: { volume: Record<string, string>; container: Record<string, string> }; ms: number }

/** Copying 350 MB is work, not silence. */
const FILL_MS = 300_000

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/**
 * Docker copies what an image has at the mount point (content, owner, mode) into an empty volume when
 * it CREATES a container; nothing needs to run for it.
 */
const create = ({ docker, image, volume, target, labels, ms }: Filled, name: string) =>
  bounded(
    `create ${name}`,
    ms,
    docker.createContainer({
      name,
      Image: image,
      Entrypoint: ['/bin/true'],
      Labels: labels.container,
      HostConfig: { NetworkMode: 'none', Mounts: [{ Type: 'volume', Source: volume, Target: target, VolumeOptions: { NoCopy: false, Labels: labels.volume, DriverConfig: { Name: 'local', Options: {} } } }] },
    }),
  )

export async function exists(what: string, ms: number, look: Promise<unknown>): Promise<boolean> {
  try {
    await bounded(`inspect ${what}`, ms, look)
    return true
  } catch (error) {
    if (isGone(error)) return false
    throw error
  }
}

export const toolsVolumeOf = (imageId: string): string => `factory-tools-${imageId.replace(/^sha256:/, '').slice(0, 12)}`

/**
 * A volume with the image's tools, filled once per image id, and its name. The container that filled
 * it is kept: the engine shows a container only after the copy, so its presence proves that the copy
 * is whole, and it keeps both image and volume safe from a prune.
 */
export async function ensureToolsVolume(docker: Docker, image: string, ms: number): Promise<string> {
  const { Id } = await bounded(`inspect ${image}`, ms, docker.getImage(image).inspect())
  const volume = toolsVolumeOf(Id)
  // scripts/build-images.sh finds by this label what nobody uses any more.
  const labels = { [LABELS.tools]: 'true', [LABELS.image]: Id }
  const deadline = Date.now() + FILL_MS
  while (!(await exists(volume, ms, docker.getContainer(volume).inspect()))) {
    if (Date.now() > deadline) throw new Error(`the tools of ${image} could not be copied into volume ${volume}`)
    try {
      await dropHalfFilled(docker, volume, ms)
      await create({ docker, image: Id, volume, target: PATHS.tools, labels: { volume: labels, container: labels }, ms: FILL_MS }, volume)
    } catch (error) {
      // Somebody else has the name and is filling the volume: the container shows when that is done.
      if (refusal(error)?.status !== 409) throw error
      await pause(50)
    }
  }
  return volume
}

/** Without its filler a volume may hold half a copy, and the engine never fills a volume twice. One in use was whole. */
async function dropHalfFilled(docker: Docker, volume: string, ms: number): Promise<void> {
  try {
    await bounded(`remove ${volume}`, ms, docker.getVolume(volume).remove())
  } catch (error) {
    const status = refusal(error)?.status
    if (status !== 404 && status !== 409) throw error
  }
}

/** Of the container that makes a cache; it lives for a moment. */
export const fillerOf = (volume: string): string => `${volume}-init`

/** Makes the repository's cache belong to the worker's user, as /cache of our image does. Repeating it harms nothing. */
export async function ensureCacheVolume(docker: Docker, image: string, volume: string, labels: Record<string, string>, ms: number): Promise<void> {
  try {
    const container = await create({ docker, image, volume, target: PATHS.cache, labels: { volume: labels, container: { ...labels, [LABELS.helper]: 'cache' } }, ms }, fillerOf(volume))
    await bounded(`remove ${fillerOf(volume)}`, ms, container.remove())
  } catch (error) {
    if (refusal(error)?.status !== 409) throw error
    // Left over by a crash between create and remove, or being made this moment: either way it was copied.
    await bounded(`remove ${fillerOf(volume)}`, ms, docker.getContainer(fillerOf(volume)).remove()).catch((inner: unknown) => {
      if (!isGone(inner) && refusal(inner)?.status !== 409) throw inner
    })
  }
}
