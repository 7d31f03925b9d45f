import type { Syntax } from './blank.ts'
import type { Shape } from './shape.ts'

/** One file's text three ways: as written, without comments and strings, and its brackets. */
export type Source = { text: string; code: string; shape: Shape }

/** A test as its file declares it. `start` is the first of what belongs to it: decorators, attributes. */
export type Declared = { name: string; start: number; body: number; end: number }

/** A stretch of the text, end not included. */
export type Range = { start: number; end: number }

/** One way in which a language asserts. */
export type AssertionForm = {
  /** With the global flag, on code. */
  match: RegExp
  /**
   * What decides whether it asserts anything: the arguments of the call and of what is chained to it
   * ("chain"), the arguments without the first ("rest"), the rest of the statement, or nothing: it always does.
   */
  judged: 'chain' | 'rest' | 'statement' | 'never'
}

/**
 * What a language's runners take for tests, and how its tests, assertions and skip marks are written.
 * Tables only: no I/O, nothing that runs.
 */
export type Language = {
  name: string
  /** Paths of its source files. */
  files: RegExp
  /** Whether a file of any name may hold tests, judged by its text. */
  inline: RegExp | null
  syntax: Syntax
  /** Tests in the order of their start. */
  declare: (source: Source) => Declared[]
  /** Functions that tests may call. */
  functions: (source: Source) => Declared[]
  assertions: readonly AssertionForm[]
  /** Marks in code that skip, focus or expect to fail. With flags g and m. */
  skips: RegExp
  /** Whether such a match is one; left out where all are. */
  isMark?: (source: Source, match: RegExpExecArray) => boolean
  /** The same in comments and directives, on the text as written. */
  writtenSkips: RegExp | null
  /** Code that never runs. */
  dead: (source: Source) => Range[]
}
