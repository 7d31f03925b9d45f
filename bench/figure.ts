export type Figure = {
  name: string
  value: number
  unit: string
  /** What it is held against, measured in the same run. */
  peer?: string
  peerValue?: number
  ratio?: number
}

export function against(name: string, value: number, unit: string, peer: string, peerValue: number): Figure {
  return { name, value: round(value), unit, peer, peerValue: round(peerValue), ratio: round(value / peerValue) }
}

/** Nearest-rank percentile, p from 0 to 1. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const value = sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))]
  if (value === undefined) throw new Error('no values')
  return value
}

export const round = (value: number): number => Math.round(value * 100) / 100

export function printFigures(figures: readonly Figure[], json: boolean): void {
  const width = Math.max(...figures.map((figure) => figure.name.length))
  for (const figure of figures) {
    if (json) console.log(JSON.stringify(figure))
    else console.log(`  ${figure.name.padEnd(width)} ${String(figure.value).padStart(10)} ${figure.unit.padEnd(4)}${figure.peer === undefined ? '' : `  ${figure.peer}: ${figure.peerValue} ${figure.unit}, ratio ${figure.ratio}`}`)
  }
}
