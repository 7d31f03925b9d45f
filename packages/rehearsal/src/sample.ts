import { join } from 'node:path'

/** A small library with its own tests: what the demo works on. */
export const sampleDir: string = join(import.meta.dir, '../sample')

/** Scripts by which the scripted model does {@link demoIssue} and {@link checklistIssue}. */
export const scriptsDir: string = join(import.meta.dir, '../scripts')

export type SampleIssue = { title: string; body: string }

/** Prose: a spec has to be written first. */
export const demoIssue: SampleIssue = {
  title: 'Slugs of titles with accents are unreadable, and too long',
  body: `\`slugify('Crème brûlée: a recipe')\` gives \`cr-me-br-l-e-a-recipe\`. We have many French and German titles, and their addresses look broken. I would expect \`creme-brulee-a-recipe\`, and \`Größe\` as \`groesse\`.

Some of our titles are whole sentences. It would help to say how long a slug may get, without half a word at its end:

\`\`\`ts
slugify('Ten tips for tidy code', { maxLength: 12 }) // 'ten-tips-for'
\`\`\`

Please mention both in the README.
`,
}

/** Has a checklist already: it is the spec as it stands. */
export const checklistIssue: SampleIssue = {
  title: 'Tell how long a text takes to read',
  body: `Our articles should show "4 min read" at the top.

- [ ] Add a readingTime function that counts words and gives whole minutes
- [ ] Export readingTime from the package and describe it in the README

200 words a minute is what most sites use. An empty text takes 0 minutes, anything else at least 1.
`,
}
