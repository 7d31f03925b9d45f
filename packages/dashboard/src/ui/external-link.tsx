import { Icon } from './icon.tsx'
import { webUrl } from './web-url.ts'

/** A link to somewhere else; nothing at all when the address is not a web address. */
export function ExternalLink({ url, children }: { url: string | null | undefined; children: string }) {
  const safe = webUrl(url)
  if (safe === null) return null
  return (
    <a className="external" href={safe} target="_blank" rel="noreferrer noopener">
      {children}
      <Icon name="link" size={12} />
    </a>
  )
}
