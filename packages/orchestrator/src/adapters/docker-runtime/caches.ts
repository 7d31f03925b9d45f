import type Docker from 'dockerode'
import { cacheLabels, cachePrefix, cacheVolume, isCacheVolume } from './container-options.ts'
import { bounded, refusal } from './engine.ts'
import { ensureCacheVolume, exists } from './volumes.ts'

export type Caches = {
  /** Does `body` with the cache's volume there and safe from a sweep. */
  use<T>(cache: string, body: () => Promise<T>): Promise<T>
  /** Removes the volumes of this instance's caches that are not needed and that no container has. */
  sweep(needed: readonly string[]): Promise<string[]>
}

/**
 * The volumes of the repositories' caches. A start and a sweep of one volume wait for each other: a
 * volume that goes between its making and its use would come back empty, and not the worker's own.
 */
export function createCaches({ docker, instance, image, ms }: { docker: Docker; instance: string; image: string; ms: number }): Caches {
  const users = new Map<string, number>()
  const removing = new Map<string, Promise<boolean>>()
  const making = new Map<string, Promise<void>>()
  /** Made by this process; whether they are there still, the engine knows. */
  const made = new Set<string>()

  async function ready(cache: string, volume: string): Promise<void> {
    await removing.get(volume)
    if (made.has(volume) && (await exists(volume, ms, docker.getVolume(volume).inspect()))) return
    let work = making.get(volume)
    if (!work) {
      work = ensureCacheVolume(docker, image, volume, cacheLabels(instance, cache), ms).finally(() => making.delete(volume))
      making.set(volume, work)
    }
    await work
    made.add(volume)
  }

  async function remove(volume: string): Promise<boolean> {
    try {
      await bounded(`remove ${volume}`, ms, docker.getVolume(volume).remove())
      made.delete(volume)
      return true
    } catch (error) {
      const status = refusal(error)?.status
      // A container has it, or it is gone.
      if (status === 409 || status === 404) return false
      throw error
    } finally {
      removing.delete(volume)
    }
  }

  return {
    async use(cache, body) {
      const volume = cacheVolume(instance, cache)
      users.set(volume, (users.get(volume) ?? 0) + 1)
      try {
        await ready(cache, volume)
        return await body()
      } finally {
        const left = (users.get(volume) ?? 1) - 1
        if (left > 0) users.set(volume, left)
        else users.delete(volume)
      }
    },
    async sweep(needed) {
      const kept = new Set(needed.map((cache) => cacheVolume(instance, cache)))
      const { Volumes } = await bounded('list volumes', ms, docker.listVolumes({ filters: { name: [cachePrefix(instance)] } }))
      const removed: string[] = []
      for (const { Name } of Volumes ?? []) {
        if (!isCacheVolume(instance, Name) || kept.has(Name) || users.has(Name)) continue
        const work = remove(Name)
        removing.set(Name, work.catch(() => false))
        if (await work) removed.push(Name)
      }
      return removed
    },
  }
}
