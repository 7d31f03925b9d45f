/** The labels that one factory uses, all named after the trigger. */
export type LabelNames = { trigger: string; working: string; pr: string; failed: string; needsInfo: string }

export function labelNames(trigger: string): LabelNames {
  return { trigger, working: `${trigger}:working`, pr: `${trigger}:pr`, failed: `${trigger}:failed`, needsInfo: `${trigger}:needs-info` }
}

/** How they look in a repository that does not have them yet. GitHub's limit for a description is 100 characters. */
export const LABEL_LOOKS = {
  trigger: { color: '5319e7', description: 'Hand this issue to the software factory' },
  working: { color: 'fbca04', description: 'The software factory is working on it' },
  pr: { color: '0e8a16', description: 'The software factory opened a pull request' },
  failed: { color: 'b60205', description: 'The factory gave up: see its comment; remove this and label again to retry' },
  needsInfo: { color: 'd876e3', description: 'The software factory asked a question: see its comment' },
} as const satisfies Record<keyof LabelNames, { color: string; description: string }>

/** The four that say where an item stands; an issue carries at most one of them. */
export function stateLabels(names: LabelNames): string[] {
  return [names.working, names.pr, names.failed, names.needsInfo]
}

/** GitHub compares label names without regard to case. */
export function hasLabel(labels: readonly string[], name: string): boolean {
  return labels.some((label) => label.toLowerCase() === name.toLowerCase())
}
