export type Tone = 'good' | 'bad' | 'wait' | 'quiet' | 'strong' | 'plain'

const CODES = { good: '32', bad: '31', wait: '33', quiet: '2', strong: '1', plain: '' } as const satisfies Record<Tone, string>

export type Style = (tone: Tone, text: string) => string

/** Colour is only ever an addition: every state is also a word. */
export function createStyle(colour: boolean): Style {
  return (tone, text) => (colour && CODES[tone] ? `\u001b[${CODES[tone]}m${text}\u001b[0m` : text)
}
