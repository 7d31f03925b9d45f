export { slugify } from './slugify.ts'
export { truncate } from './truncate.ts'
