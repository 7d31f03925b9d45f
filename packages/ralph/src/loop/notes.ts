import { parseNewLearnings, type NewLearning } from '@factory/shared/ralph'
import { rm } from 'node:fs/promises'
import { readOwn } from '../files.ts'
import { filesIn } from '../place.ts'
import type { Session } from './session.ts'

/** Takes up what the agent wrote down and was not known yet; the caller saves it, then tells of it. */
export async function takeLearnings(session: Session): Promise<NewLearning[]> {
  const { state, place } = session
  const name = (learning: NewLearning): string => `${learning.kind}:${learning.text.toLowerCase()}`
  const known = new Set(state.learnings.map(name))
  const text = (await readOwn(filesIn(place.ai).newLearnings)) ?? ''
  const fresh = parseNewLearnings(text).filter((learning) => !known.has(name(learning)))
  state.learnings.push(...fresh)
  return fresh
}

/** What the agent wrote when it gave up goes into the next prompt; the file is Ralph's. */
export async function takeNotes({ state, place }: Session): Promise<void> {
  const notes = ((await readOwn(filesIn(place.ai).stuck)) ?? '').trim()
  if (notes === '') return
  state.evidence = [...state.evidence, `The iteration before gave up and wrote:\n${notes.slice(0, 3000)}`]
  state.agentNotes = notes.slice(0, 8000)
  await rm(filesIn(place.ai).stuck, { force: true, recursive: true })
}
