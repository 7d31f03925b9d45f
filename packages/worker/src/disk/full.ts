/** The kernel's words, and those of programs that only tell its code, or (tar) how far they got. */
const WORDS = /no space left on (the )?device|disk quota exceeded|\b(ENOSPC|EDQUOT)\b|not enough space on the (disk|device)|^tar: .*: Wrote only \d+ of \d+ bytes/i
/** The limit of file watchers has the same error code, and its words; it is no disk. */
const NO_DISK = /inotify|watch/i
/** What git prints of the other side, whose disk is not ours. */
const REMOTE = /^remote:/

/** Does what a program printed say that the disk here is full? */
export const saysDiskFull = (text: string): boolean => text.split('\n').some((line) => WORDS.test(line) && !NO_DISK.test(line) && !REMOTE.test(line))

/** Is this error, or what caused it, a full disk? */
export function isDiskFull(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ('code' in at && (at.code === 'ENOSPC' || at.code === 'EDQUOT')) return true
    if (saysDiskFull(at.message)) return true
  }
  return false
}

/** The sentence that people read; `what`: what could not be done, in the words of whoever could not. */
export const diskFullMessage = (what: string): string => `no space left on the worker's disk: ${what}`

/**
 * Did the run itself fill the disk? `written`: bytes of files that came or changed since its agent began;
 * `free`: what was free then. With half of that in its own files the next worker would come to the same
 * end; with less, others on the same disk took it.
 */
export const filledByRun = ({ written, free }: { written: number; free: number }): boolean => free > 0 && written >= free / 2
