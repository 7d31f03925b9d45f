/** An address that may stand in a link: http or https, else null. Addresses come from trackers and models. */
export function webUrl(text: string | null | undefined): string | null {
  if (!text || !URL.canParse(text)) return null
  const url = new URL(text)
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null
}
