/** One setting of a configuration file, its value as written, blanks made single. */
export type Setting = { section: string; key: string; value: string }

const MAX_VALUE = 20_000
const tidy = (text: string): string => text.trim().replace(/\s+/g, ' ')

/** Comments of JavaScript, without touching strings. */
const withoutComments = (text: string): string => text.replace(/("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[^]*?\*\//g, (_all, string?: string) => string ?? ' ')

/** `key: value` in JSON, JavaScript and TypeScript, at any depth, of the keys that are wanted. */
export function readObjects(text: string, wanted: RegExp): Setting[] {
  const clean = withoutComments(text)
  return [...clean.matchAll(/(?<![\w$.])(["']?)([\w$-]+)\1\s*:(?!:)/g)].flatMap((match) => {
    const key = match[2] ?? ''
    return wanted.test(key) ? [{ section: '', key, value: tidy(valueAt(clean, match.index + match[0].length)) }] : []
  })
}

/** Up to the comma or bracket that ends a value. */
function valueAt(text: string, from: number): string {
  let depth = 0
  let quote = ''
  const limit = Math.min(text.length, from + MAX_VALUE)
  let at = from
  for (; at < limit; at += 1) {
    const char = text[at] ?? ''
    if (quote) {
      if (char === '\\') at += 1
      else if (char === quote) quote = ''
    } else if ('\'"`'.includes(char)) quote = char
    else if ('([{'.includes(char)) depth += 1
    else if (')]}'.includes(char)) {
      if (depth === 0) break
      depth -= 1
    } else if (char === ',' && depth === 0) break
  }
  return text.slice(from, at)
}

/** `key = value` under `[section]`: TOML and INI. A value goes on over indented lines and open brackets. */
export function readSections(text: string): Setting[] {
  const settings: Setting[] = []
  const sections = new Map<string, number>()
  let section = ''
  let open: { setting: Setting; depth: number } | null = null
  for (const line of text.split('\n')) {
    const bare = line.replace(/^\s*[#;].*$/, '').replace(/\s#[^"']*$/, '')
    if (bare.trim() === '') continue
    if (open && (open.depth > 0 || /^\s/.test(line)) && open.setting.value.length < MAX_VALUE) {
      open.setting.value += `\n${bare.trim()}`
      open.depth += depthOf(bare)
      continue
    }
    const header = /^\s*\[{1,2}\s*([^\]]+?)\s*\]{1,2}\s*$/.exec(bare)
    if (header?.[1]) {
      const name = header[1].replace(/["']/g, '')
      const count = (sections.get(name) ?? 0) + 1
      sections.set(name, count)
      section = count === 1 ? name : `${name} ${count}`
      settings.push({ section, key: '', value: '' })
      open = null
      continue
    }
    const pair = /^\s*["']?([\w.:-]+?)["']?\s*(?:=|:(?=\s|$))\s*(.*)$/.exec(bare)
    if (!pair?.[1]) continue
    const setting = { section, key: pair[1], value: pair[2] ?? '' }
    settings.push(setting)
    open = { setting, depth: depthOf(setting.value) }
  }
  return settings
}

/** Open brackets, and an open triple quote for one. */
function depthOf(text: string): number {
  const bare = text.replace(/"(?:\\.|[^"\\])*"|'[^']*'/g, '')
  return (bare.match(/[[{]/g)?.length ?? 0) - (bare.match(/[\]}]/g)?.length ?? 0)
}

/** `<key>value</key>` without further elements inside. */
export function readElements(text: string): Setting[] {
  const clean = text.replace(/<!--[^]*?-->/g, '')
  return [...clean.matchAll(/<([\w.-]+)(?:\s[^<>]*)?>\s*([^<>]{0,2000}?)\s*<\/\1\s*>/g)].map((match) => ({ section: '', key: match[1] ?? '', value: tidy(match[2] ?? '') }))
}

/** `key = value`, `key.set(value)`, `key(value)`, `key 'value'` in Gradle. */
export function readStatements(text: string): Setting[] {
  const clean = withoutComments(text)
  return [...clean.matchAll(/(?<![\w$])([A-Za-z]\w*)\s*(?:=(?!=)|\.set\s*\(|\(|(?=\s['"]))\s*([^\n;{]{1,500})/g)].map((match) => ({ section: '', key: match[1] ?? '', value: tidy((match[2] ?? '').replace(/\)\s*$/, '')) }))
}

/** `key: value` and lists below a key, in YAML; sections are not told apart. */
export function readYaml(text: string): Setting[] {
  const settings: Setting[] = []
  let open: Setting | null = null
  for (const line of text.split('\n')) {
    const bare = line.replace(/(?:^|\s)#.*$/, '')
    const pair = /^\s*(?:-\s+)?["']?([\w.-]+)["']?\s*:(?:\s+(.*))?$/.exec(bare)
    if (pair?.[1]) settings.push((open = { section: '', key: pair[1], value: tidy(pair[2] ?? '') }))
    else if (open && bare.trim() !== '' && open.value.length < MAX_VALUE) open.value = tidy(`${open.value} ${bare.replace(/^\s*-\s+/, ', ')}`)
  }
  return settings
}
