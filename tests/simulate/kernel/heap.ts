/** What happens at a time. Of two at the same time the one that was scheduled first. */
export type Happening = { at: number; seq: number; process: Process | null; what: string; run: () => void; off: boolean }

/**
 * A program that can be killed or stopped (SIGSTOP) at any moment. What comes to a stopped one waits in `held`.
 */
export type Process = {
  name: string
  alive: boolean
  frozen: boolean
  frozenAt: number
  held: Happening[]
  onKill: () => void
  onThaw: () => void
}

export class Heap {
  #list: Happening[] = []

  push(one: Happening): void {
    const list = this.#list
    let at = list.length
    list.push(one)
    while (at > 0) {
      const up = (at - 1) >> 1
      const above = list[up]
      if (above === undefined || !before(one, above)) break
      list[at] = above
      at = up
    }
    list[at] = one
  }

  pop(): Happening | undefined {
    const list = this.#list
    const first = list[0]
    const last = list.pop()
    if (first === undefined || last === undefined || list.length === 0) return first
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      let least = list[left]
      if (least === undefined) break
      let to = left
      const right = list[left + 1]
      if (right !== undefined && before(right, least)) {
        least = right
        to = left + 1
      }
      if (!before(least, last)) break
      list[at] = least
      at = to
    }
    list[at] = last
    return first
  }
}

function before(a: Happening, b: Happening): boolean {
  return a.at < b.at || (a.at === b.at && a.seq < b.seq)
}
