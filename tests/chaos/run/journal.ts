import { readFileSync } from 'node:fs'
import type { Note } from '../check/facts.ts'

/** What the workers wrote, in the order in which they did it. */
export function readJournal(path: string): Note[] {
  return readFileSync(path, 'utf8').split('\n').filter(Boolean).map((line) => {
    const [item, token, what = ''] = line.split(' ')
    return { itemId: Number(item), token: Number(token), what }
  })
}
