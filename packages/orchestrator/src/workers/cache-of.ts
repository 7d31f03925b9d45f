/** The cache that a run's worker has: the clean room's own, or its repository's. */
export function cacheOf(repo: string, kind: string): string {
  return kind === 'verify' ? `${repo}#clean-room` : repo
}
