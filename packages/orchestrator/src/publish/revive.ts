export { reviveFailed as reviveEffect } from './store.ts'
