import type { RalphEnvironment } from '../config.ts'
import type { Agent } from './agent.ts'
import { claudeAgent } from './claude.ts'
import { findClaude } from './find.ts'

/** What an agent is made from. */
export type AgentSettings = {
  /** Absolute path of its program, where the command line names one. */
  bin: string | null
  environment: RalphEnvironment
  /** MCP servers for it, as JSON text; null: none. */
  mcpConfig: string | null
}

/** Every agent there is. Another command line is one file that keeps the promise of `Agent`, and one line here. */
const AGENTS = {
  claude: ({ bin, environment, mcpConfig }: AgentSettings) => {
    const found = findClaude({ flag: bin, env: environment.claudeBin, path: environment.path })
    return 'problem' in found ? found : claudeAgent({ bin: found.bin, env: environment.agent, mcpConfig })
  },
} satisfies Record<string, (settings: AgentSettings) => Agent | { problem: string }>

export type AgentName = keyof typeof AGENTS

/** The agent of that name, or why it cannot be had, in words for the person who asked. */
export function chooseAgent(name: AgentName, settings: AgentSettings): Agent | { problem: string } {
  return AGENTS[name](settings)
}
