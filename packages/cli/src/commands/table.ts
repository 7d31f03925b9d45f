import type { Command } from '../command.ts'

/** Each command by its words. Loaded when called, so that `work list` does not pay for starting services. */
export const commands: Record<string, { summary: string; load(): Promise<{ command: Command }> }> = {
  up: { summary: 'Run the factory on the configuration in .env', load: () => import('./up.ts') },
  demo: { summary: 'See the main job on a sample repository, without any account', load: () => import('./demo.ts') },
  status: { summary: 'The factory at a glance', load: () => import('./status.ts') },
  limits: { summary: 'Show or change the limits while the factory runs', load: () => import('./limits.ts') },
  'work add': { summary: 'Ask for work', load: () => import('./work-add.ts') },
  'work list': { summary: 'Work items, newest first', load: () => import('./work-list.ts') },
  'work show': { summary: 'One item with its runs and latest events', load: () => import('./work-show.ts') },
  'work cancel': { summary: 'Stop an item and its worker', load: () => import('./work-cancel.ts') },
  'work retry': { summary: 'Take a failed, cancelled or waiting item up again', load: () => import('./work-retry.ts') },
  'work logs': { summary: "What an item's latest run says", load: () => import('./work-logs.ts') },
  workers: { summary: 'Live workers (--all: ended ones too)', load: () => import('./workers.ts') },
  'workers kill': { summary: 'End one worker; its item goes back to the queue', load: () => import('./workers-kill.ts') },
  'learnings search': { summary: 'Search what was learned', load: () => import('./learnings-search.ts') },
  backup: { summary: 'Save the whole store in one file', load: () => import('./backup.ts') },
  restore: { summary: 'Put a backup in the place of an empty store', load: () => import('./restore.ts') },
  doctor: { summary: 'Check every part and say how to mend it', load: () => import('./doctor.ts') },
}
