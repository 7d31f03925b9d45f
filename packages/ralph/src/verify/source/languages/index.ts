import type { Language } from '../language.ts'
import { go } from './go.ts'
import { java } from './java.ts'
import { javascript } from './javascript.ts'
import { python } from './python.ts'
import { ruby } from './ruby.ts'
import { rust } from './rust.ts'

const LANGUAGES: readonly Language[] = [javascript, python, go, rust, java, ruby]

/** The language a path is written in, or null for one whose tests cannot be read. */
export function languageOf(path: string): Language | null {
  return LANGUAGES.find((language) => language.files.test(path)) ?? null
}
