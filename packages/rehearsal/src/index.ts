export { startModel, type Model, type ModelOptions, type SeenRequest } from './model/serve.ts'
export { defineScript, parseScript, ScriptError, type Script } from './model/script.ts'
export { loadScripts } from './model/load.ts'
export { runClaude, type ClaudeOptions, type ClaudeRun } from './run-claude.ts'
