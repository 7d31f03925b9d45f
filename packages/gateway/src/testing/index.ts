export { createBareRepo, git, gitBackend, must } from './git-backend.ts'
export { FACTORY_TOKEN, grantFor, startStubOrchestrator, type StubOrchestrator } from './stub-orchestrator.ts'
