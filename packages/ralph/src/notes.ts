import { parseNewLearnings } from '@factory/shared'
import { rm } from 'node:fs/promises'
import { readOwn } from './files.ts'
import { filesIn } from './place.ts'
import { emit, type Session } from './session.ts'

/** Tells of each learning that the agent wrote down, once. */
export async function recordLearnings(session: Session): Promise<void> {
  const { state, place } = session
  const known = new Set(state.learnings.map((learning) => `${learning.kind}:${learning.text.toLowerCase()}`))
  const text = (await readOwn(filesIn(place.ai).newLearnings)) ?? ''
  for (const learning of parseNewLearnings(text)) {
    if (known.has(`${learning.kind}:${learning.text.toLowerCase()}`)) continue
    state.learnings.push(learning)
    emit(session, { event: 'learning.recorded', learning })
  }
}

/** What the agent wrote when it gave up goes into the next prompt; the file is Ralph's. */
export async function takeNotes({ state, place }: Session): Promise<void> {
  const notes = ((await readOwn(filesIn(place.ai).stuck)) ?? '').trim()
  if (notes === '') return
  state.evidence = [...state.evidence, `The iteration before gave up and wrote:\n${notes.slice(0, 3000)}`]
  state.agentNotes = notes.slice(0, 8000)
  await rm(filesIn(place.ai).stuck, { force: true, recursive: true })
}
