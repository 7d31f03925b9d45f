/** Strokes on a 16 × 16 field. */
const PATHS = {
  check: 'M3 8.5l3.2 3.2L13 4.8',
  cross: 'M4 4l8 8M12 4l-8 8',
  clock: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 5v3.3l2.2 1.5',
  play: 'M5 3.5v9l7.5-4.5z',
  pause: 'M5.5 4v8M10.5 4v8',
  stop: 'M3.8 3.8l8.4 8.4M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z',
  question: 'M5.6 6a2.4 2.4 0 1 1 3.5 2.1c-.8.4-1.1.8-1.1 1.6M8 12.3v.2',
  hand: 'M8 2v6.5M8 12.3v.2',
  pen: 'M3 13l.7-3L10.8 3l2.2 2.2-7 7z',
  search: 'M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4zM10.2 10.2L13.4 13.4',
  up: 'M8 13V3.5M4 7.3l4-4 4 4',
  up2: 'M4 8l4-4 4 4M4 12.5l4-4 4 4',
  down: 'M8 3v9.5M4 8.7l4 4 4-4',
  dash: 'M3.5 8h9',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  moon: 'M13 9.5A5.5 5.5 0 1 1 6.5 3a4.5 4.5 0 0 0 6.5 6.5z',
  out: 'M9.5 3H13v10H9.5M3 8h6.5M7 5.2L9.8 8 7 10.8',
  back: 'M9.5 3.5L5 8l4.5 4.5',
  link: 'M9 3h4v4M13 3L7.5 8.5M11 9.5V13H3V5h3.5',
} as const

export type IconName = keyof typeof PATHS

/** Beside a word, never instead of one: hidden from assistive technology. */
export function Icon({ name, size = 14 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  )
}
