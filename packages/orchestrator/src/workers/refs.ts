/** Who speaks: a run with its fencing token. */
export type RunRef = { id: number; itemId: number; token: number }

/** The only ref that a run may push to. The fencing token in it keeps two runs of one item apart. */
export function pushRef(itemId: number, token: number): string {
  return `refs/factory/wip/${itemId}/${token}`
}
