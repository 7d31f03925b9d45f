import type { Command } from '../command.ts'
import { examine } from '../doctor/examine.ts'
import { isHealthy, type Finding, type FindingStatus } from '../doctor/finding.ts'
import { EXIT } from '../exit.ts'
import type { Style, Tone } from '../terminal/style.ts'
import { wrap } from '../terminal/table.ts'
import { visibleLine } from '../terminal/visible.ts'

const LOOK = { ok: ['ok', 'good'], warn: ['warn', 'wait'], fail: ['FAIL', 'bad'], skipped: ['--', 'quiet'] } as const satisfies Record<FindingStatus, readonly [string, Tone]>

export const command: Command = {
  usage: 'factory doctor [--json]',
  details: 'Looks, and changes nothing. Exits with 1 when something fails; warnings alone exit with 0.',
  positionals: { min: 0, max: 0 },
  async run({ io, config, style }) {
    const findings = await examine({ io, config })
    const healthy = isHealthy(findings)
    return { json: { healthy, findings }, text: render(findings, style, io.width), exit: healthy ? EXIT.ok : EXIT.failed }
  },
}

function render(findings: readonly Finding[], style: Style, columns: number): string {
  const width = Math.max(...findings.map((finding) => finding.name.length))
  const lines = findings.flatMap((finding) => {
    const [word, tone] = LOOK[finding.status]
    const under = `\n${' '.repeat(width + 8)}`
    const room = Math.max(30, columns - width - 8)
    const line = `${style(tone, word.padEnd(4))}  ${finding.name.padEnd(width)}  ${wrap(visibleLine(finding.detail), room).join(under)}`
    if (finding.fix === null) return [line]
    return [`${line}${under}${style('strong', '→')} ${wrap(visibleLine(finding.fix), room - 2).join(`${under}  `)}`]
  })
  const count = (status: FindingStatus) => findings.filter((finding) => finding.status === status).length
  const summary = count('fail') > 0 ? style('bad', `${count('fail')} to mend`) : style('good', 'everything needed works')
  return [...lines, '', `${summary}, ${count('warn')} warnings, ${count('ok')} ok, ${count('skipped')} skipped`].join('\n')
}
