import type { Liar } from './cases.ts'
import { tell, type Told } from './tell.ts'

/** How many try it at a time: each is a Ralph and a CLI. */
const AT_ONCE = 3

/** All of them, in the given order. */
export async function tellAll(liars: readonly Liar[], claude: string): Promise<Told[]> {
  const told: (Told | undefined)[] = []
  const waiting = liars.map((liar, index) => ({ liar, index }))
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) told[next.index] = await tell(next.liar, claude)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return told.filter((one) => one !== undefined)
}
