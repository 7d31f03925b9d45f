import { embedderContract } from '../ports/embedder.contract.ts'
import { noEmbedder } from './no-embedder.ts'

embedderContract('none', { open: () => noEmbedder })
