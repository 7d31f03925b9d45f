export { lockItem } from './store.ts'
