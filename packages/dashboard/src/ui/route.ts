import { useSyncExternalStore, type MouseEvent } from 'react'

export type Route = { page: 'overview' } | { page: 'item'; id: number } | { page: 'unknown' }

/** Which page an address means. */
export function readRoute(path: string): Route {
  if (path === '/' || path === '') return { page: 'overview' }
  const item = /^\/items\/([1-9]\d{0,14})\/?$/.exec(path)
  return item ? { page: 'item', id: Number(item[1]) } : { page: 'unknown' }
}

const watchers = new Set<() => void>()

function subscribe(watcher: () => void): () => void {
  watchers.add(watcher)
  addEventListener('popstate', watcher)
  return () => {
    watchers.delete(watcher)
    removeEventListener('popstate', watcher)
  }
}

export function useRoute(): Route {
  return readRoute(useSyncExternalStore(subscribe, () => location.pathname))
}

export function goTo(path: string): void {
  history.pushState(null, '', path)
  for (const watcher of watchers) watcher()
  scrollTo(0, 0)
  // As a page load would: reading and tabbing begin at the new content.
  document.getElementById('main')?.focus()
}

/** For a link's onClick: plain clicks stay on the page, everything else is the browser's. */
export function follow(event: MouseEvent<HTMLAnchorElement>): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  event.preventDefault()
  goTo(event.currentTarget.pathname)
}
