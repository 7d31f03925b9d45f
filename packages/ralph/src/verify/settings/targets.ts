export type Target = { needs: string[]; recipe: string[] }

/** Targets and variables of a Makefile or a justfile. Lines that go on are joined; a repeated target adds up. */
export function readTargets(text: string): { targets: Map<string, Target>; variables: Map<string, string> } {
  const targets = new Map<string, Target>()
  const variables = new Map<string, string>()
  let open: Target[] = []
  for (const line of text.replace(/\\\n/g, ' ').split('\n')) {
    if (/^\s/.test(line) && open.length > 0) {
      const command = line.trim()
      if (command !== '' && !command.startsWith('#')) open.forEach((target) => target.recipe.push(command))
      continue
    }
    if (line.trim() === '' || line.startsWith('#')) continue
    open = []
    const variable = /^(?:export\s+)?([\w.-]+)\s*(?:[?:+]{0,3}=)\s*(.*)$/.exec(line)
    if (variable?.[1]) {
      variables.set(variable[1], (variable[2] ?? '').trim())
      continue
    }
    const rule = /^@?([^:=#]+?)::?(?!=)\s*([^#]*)$/.exec(line)
    if (!rule?.[1] || rule[1].startsWith('.')) continue
    const [needs = '', inline] = (rule[2] ?? '').split(';')
    for (const name of namesIn(rule[1])) {
      const target = targets.get(name) ?? { needs: [], recipe: [] }
      target.needs.push(...needs.trim().split(/\s+/).filter((need) => need !== '' && need !== '|'))
      if (inline?.trim()) target.recipe.push(inline.trim())
      targets.set(name, target)
      open.push(target)
    }
  }
  return { targets, variables }
}

/** A justfile has the recipe's parameters after its name; a Makefile further targets. Both are taken for names. */
const namesIn = (head: string): string[] => head.split(/\s+/).filter((name) => /^[\w./%-]+$/.test(name))
