/**
 * Claude Code reads a file that the prompt names as `@path` into the conversation, from anywhere on the
 * machine. What is material in our prompts (an issue, guidance, output of a check) must not do that, so
 * each `@` that could begin a name is escaped. It looks at one after white space or CJK punctuation
 * (2.1.328, tried out); after a letter or digit it is an address.
 */
export const withoutMentions = (prompt: string): string => prompt.replace(/(?<![\p{L}\p{N}\\])@(?=\S)/gu, '\\@')
