import { createLogger } from '@factory/shared'
import { eventBusContract } from '../ports/event-bus.contract.ts'
import { createMemoryBus } from './memory-bus.ts'

eventBusContract('memory', () => createMemoryBus(createLogger('test', 'silent')))
