/** Colours and weights: no harm, but nothing that a line of ours needs. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const COLOURS = /(?:\u001b\[|\u009b)[\d;:]*m/g
/**
 * What could move the cursor, set the title, write from right to left or hide: C0 and C1 controls,
 * DEL, bidirectional marks and isolates, line and paragraph separators, zero-width characters.
 */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g

/**
 * Text of an agent, a repository or a test run as one line that a terminal only prints. Colours
 * vanish, line ends and tabs become blanks, any other control character is shown as a picture of it,
 * so that nothing is hidden from whoever looks.
 */
export function safeLine(text: string): string {
  return text.toWellFormed().replace(COLOURS, '').replace(/[\r\n\t\v\f\u0085\u2028\u2029]+/g, ' ').replace(UNSAFE, picture)
}

function picture(char: string): string {
  const code = char.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  return code === 0x7f ? '\u2421' : '\ufffd'
}
