/**
 * An ESTIMATE of how many tokens the model makes of a text, meant to err high: a budget kept by it is
 * kept. No model's own vocabulary is used: it is not published, changes with the model, and would be
 * a dependency of many megabytes.
 *
 * Every UTF-16 unit has a weight by its kind, in twentieths of a token; the sum is rounded up. So the
 * estimate of two texts put together is the sum of their estimates, or one less. The weights were
 * set against a published vocabulary of an earlier Claude model: prose, code and JSON come out at 1.3
 * to 1.8 times the count, minified code, lock files and base64 at 1.1 to 1.3, other scripts at 1.1 to
 * 1.7; only runs of random hexadecimal can fall below it (tokens.test.ts has figures).
 */
export const estimateTokens = (text: string): number => Math.ceil(weigh(text) / UNIT)

/** What one token weighs. */
const UNIT = 20

/** Weights in twentieths of a token. None is below an eighth of a token for each byte of UTF-8. */
const WEIGHT = {
  blank: 4,
  lower: 8,
  /** Rare in prose and code, frequent in base64, which is the dearest text there is. */
  upper: 22,
  digit: 20,
  /** Code is full of it, and little of it merges. */
  sign: 16,
  control: 20,
  /** Latin with accents, Greek, Cyrillic: two bytes. */
  european: 17,
  /** Hebrew, Arabic and other scripts of two bytes. */
  semitic: 26,
  /** Chinese, Japanese, Korean. */
  cjk: 24,
  /** What else has three bytes: Indic scripts, Thai, symbols. */
  wide: 40,
  /** Half of a pair; emoji and rare characters are several tokens. */
  surrogate: 40,
} as const

const ASCII = Uint8Array.from({ length: 128 }, (_, code) => asciiWeight(code))

function asciiWeight(code: number): number {
  if (code === 32 || (code >= 9 && code <= 13)) return WEIGHT.blank
  if (code < 32 || code === 127) return WEIGHT.control
  const char = String.fromCharCode(code)
  if (/[a-z]/.test(char)) return WEIGHT.lower
  if (/[A-Z]/.test(char)) return WEIGHT.upper
  return /\d/.test(char) ? WEIGHT.digit : WEIGHT.sign
}

function weightOf(code: number): number {
  if (code < 128) return ASCII[code] ?? WEIGHT.sign
  if (code < 0x590) return WEIGHT.european
  if (code < 0x800) return WEIGHT.semitic
  if (code >= 0xd800 && code <= 0xdfff) return WEIGHT.surrogate
  return code >= 0x3000 && code < 0xd800 ? WEIGHT.cjk : WEIGHT.wide
}

function weigh(text: string): number {
  let sum = 0
  for (let index = 0; index < text.length; index += 1) sum += weightOf(text.charCodeAt(index))
  return sum
}

/** Stands where something was left out. */
const CUT = '[cut]'

/** The beginning of a text, of at most so many tokens; '' where not even the mark would fit. */
export function keepStart(text: string, tokens: number, mark = `\n${CUT}`): string {
  if (estimateTokens(text) <= tokens) return text
  let left = tokens * UNIT - weigh(mark)
  if (left <= 0) return ''
  let end = 0
  for (; end < text.length; end += 1) {
    left -= weightOf(text.charCodeAt(end))
    if (left < 0) break
  }
  return `${whole(text.slice(0, end))}${mark}`
}

/** The end of a text, of at most so many tokens; '' where not even the mark would fit. */
export function keepEnd(text: string, tokens: number): string {
  if (estimateTokens(text) <= tokens) return text
  let left = tokens * UNIT - weigh(`${CUT}\n`)
  if (left <= 0) return ''
  let from = text.length
  for (; from > 0; from -= 1) {
    left -= weightOf(text.charCodeAt(from - 1))
    if (left < 0) break
  }
  return `${CUT}\n${whole(text.slice(from))}`
}

/** Without the half of a pair that a cut left at an end. */
function whole(text: string): string {
  const from = isLow(text.charCodeAt(0)) ? 1 : 0
  const last = text.charCodeAt(text.length - 1)
  return text.slice(from, last >= 0xd800 && last <= 0xdbff ? -1 : undefined)
}

const isLow = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff
