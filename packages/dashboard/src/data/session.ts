const KEY = 'factory-token'

/** The browser's parts this needs; a test gives its own. */
export type Place = {
  hash: string
  /** Replaces the address without reloading or leaving an entry in the history. */
  replace(url: string): void
  path: string
  store: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
}

/**
 * The token to call with. One that came in the address (`#token=…`, as `factory up` prints it) is
 * taken over and removed from the address bar, so that it is in no bookmark and no screenshot.
 */
export function takeToken(place: Place): string | null {
  const fragment = new URLSearchParams(place.hash.replace(/^#/, ''))
  const given = fragment.get('token')
  if (given !== null) {
    fragment.delete('token')
    const rest = fragment.toString()
    place.replace(place.path + (rest ? `#${rest}` : ''))
    if (given.trim()) place.store.setItem(KEY, given.trim())
  }
  return place.store.getItem(KEY)
}

export function keepToken(store: Place['store'], token: string): void {
  store.setItem(KEY, token)
}

export function forgetToken(store: Place['store']): void {
  store.removeItem(KEY)
}

export function browserPlace(): Place {
  return {
    hash: location.hash,
    path: location.pathname + location.search,
    replace: (url) => history.replaceState(history.state, '', url),
    // Session storage: gone with the tab, and not shared with whatever else is served on this host.
    store: sessionStorage,
  }
}
