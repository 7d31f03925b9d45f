import { Empty } from '../../ui/section.tsx'

/** The spec as text with its boxes as boxes. Not rendered as markdown: it comes from an issue. */
export function SpecText({ spec, description }: { spec: string | null; description: string | null }) {
  if (spec === null && description === null) return <Empty title="There is no spec yet">A spec run writes it from what was asked.</Empty>
  if (spec === null) {
    return (
      <>
        <p className="quiet">Not written yet. What was asked:</p>
        <div className="spec pre">{description}</div>
      </>
    )
  }
  return <div className="spec">{lines(spec)}</div>
}

function lines(spec: string) {
  let fenced = false
  return spec.split(/\r?\n/).map((line, index) => {
    if (/^\s*(```|~~~)/.test(line)) fenced = !fenced
    const box = fenced ? null : /^(\s*)[-*+] \[([ xX])\] (.*)$/.exec(line)
    if (box) {
      const done = box[2] !== ' '
      return (
        <div key={index} className={done ? 'box box-done' : 'box'}>
          <span aria-hidden="true">{done ? '☑' : '☐'}</span>
          <span>
            <span className="visually-hidden">{done ? 'Done: ' : 'Open: '}</span>
            {box[3]}
          </span>
        </div>
      )
    }
    const heading = fenced ? null : /^#{1,6} (.*)$/.exec(line)
    if (heading) return <strong key={index} className="spec-heading">{heading[1]}</strong>
    return (
      <div key={index} className={fenced || /^\s*(```|~~~)/.test(line) ? 'pre code' : 'pre'}>
        {line || ' '}
      </div>
    )
  })
}
