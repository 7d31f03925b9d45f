/** How much of something is used: a picture beside words that say the same. */
export function Meter({ used, all, warn = false }: { used: number; all: number; warn?: boolean }) {
  const percent = all > 0 ? Math.min(100, (100 * used) / all) : 0
  return (
    <div className="meter" aria-hidden="true">
      <div className={warn ? 'meter-full' : undefined} style={{ width: `${percent}%` }} />
    </div>
  )
}
