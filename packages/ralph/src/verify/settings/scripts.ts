import { posix } from 'node:path'
import { found, type FileText, type Found } from '../facts.ts'
import { codeLines, linesGrown } from '../grown.ts'
import { isTestPath, nameOf } from '../paths.ts'
import { languageOf } from '../source/languages/index.ts'
import { openSource } from '../source/read.ts'
import { withoutFloors } from './floors.ts'

/** A script that a check runs by its path: whatever it is called and wherever it lies, it is a check. */
export function compareScriptFile(file: FileText, scripts: Iterable<string>): Found[] {
  const was = file.from ?? file.path
  if (file.base === null || !new Set(scripts).has(was) || declaresTests(was, file.base)) return []
  const names = [was]
  if (file.head === null || file.path !== was) return [found('check_weakened', was, `${was}, which a check runs, was ${file.head === null ? 'deleted' : `renamed to ${file.path}`}`, { names })]
  const grown = linesGrown(codeLines(file.base).map(withoutFloors), codeLines(file.head).map(withoutFloors))
  return [found('check_weakened', was, `${was}, which a check runs, was changed`, { blocking: !grown, names })]
}

/** Such a file is judged by its tests. One that declares none (bare assertions) has only this judgement. */
function declaresTests(path: string, text: string): boolean {
  const language = languageOf(path)
  if (!isTestPath(path) || !language) return false
  // Of Ruby no declarations are read.
  return language.assertions.length === 0 || language.declare(openSource(text, language)).length > 0
}

const SHELL = /^(?:ba|z|da|k)?sh$|^(?:source|\.)$/
const RUNNER = /^(?:python[\d.]*|node|bun|deno|ruby|perl|tsx|ts-node)$/
/** What runs the command after it. */
const WRAPPER = /^(?:env|time|exec|sudo|nice|nohup|command|timeout|npx|bunx|!|if|then|else|while|do)$/
const PROJECT_RUNNER = /^(?:uv|poetry|pipenv|pdm|rye|hatch)$/
/** Options whose value is a word of its own; those of modules name code that runs as well. */
const WITH_VALUE = /^(?:-W|-X|-C|--cwd|--env-file|--conditions|--tsconfig|-o)$/
const WITH_MODULE = /^(?:--import|--require|-r|--preload|--loader)$/
/** What follows is no file: code, or a module by its name. */
const NO_FILE = /^(?:-c|-e|-p|-m|--eval|--print)$/

const CHECK_NAME = /test|check|verify|lint|valid|accept|assert|(?:^|\/)ci(?:$|[/.])|scripts?\/|tools?\//i
/** Where the product lies by convention, and what its entry is called. */
const PRODUCT = /(?:^|\/)(?:src|lib|app|pkg|cmd|dist|build)\/|(?:^|\/)(?:index|main|app|server|cli|start|__main__)\.\w+$/

/** `judgedElsewhere`: its output is what is looked at, by grep, in a test of the shell, in a file. */
type Part = { text: string; judgedElsewhere: boolean }

/** Simple commands of a line, without what joins them. */
function partsOf(command: string): Part[] {
  // `"$(dirname "$0")/x.sh"`, `$ROOT/x.sh`: from a folder that is not known.
  const plain = command.replace(/"?\$\(dirname[^)]{0,200}\)"?\//g, './').replace(/(?<![^\s"'=])"?\$\{?\w+\}?"?\//g, './')
  const pieces = plain.split(/(&&|\|\||[;|&\n()`])/)
  return pieces.flatMap((text, index) => {
    if (index % 2 === 1) return []
    const piped = pieces[index + 1] === '|' && /^\s*(?:grep|egrep|diff|cmp|sort|wc|jq|head|tail|awk|sed|tr|cut)\b/.test(pieces[index + 2] ?? '')
    const substituted = pieces[index - 1] === '`' || (pieces[index - 1] === '(' && (pieces[index - 2] ?? '').endsWith('$'))
    const written = /(?<![\d&])>>?\s*(?!\/dev\/|&)\S/.test(text)
    return [{ text, judgedElsewhere: piped || substituted || written }]
  })
}

/**
 * Paths of scripts in commands: run as they are, or by an interpreter that is no test runner. What
 * python, node and the like run may be the work itself: it is a check unless it lies where the product
 * does, or another program judges its output, and its name says nothing of checks.
 */
export function scriptsNamed(commands: readonly string[], folder = ''): Set<string> {
  const paths = new Set<string>()
  for (const command of commands) {
    let here = folder
    for (const { text, judgedElsewhere } of partsOf(command)) {
      const words = text.trim().split(/\s+/).map((word) => word.replace(/^["']+|["']+$/g, ''))
      unwrap(words)
      if (SHELL.test(nameOf(words[0] ?? '')) && /^-\w*c$/.test(words[1] ?? '')) words.splice(0, 2)
      const [program = ''] = words
      if (program === 'cd') here = posix.join(here, words[1] ?? '')
      const shell = SHELL.test(nameOf(program))
      const files = shell || RUNNER.test(nameOf(program)) ? filesOf(words.slice(1)) : program.includes('/') ? [program] : []
      for (const file of files) {
        const isCheck = shell || CHECK_NAME.test(file) || (!judgedElsewhere && !PRODUCT.test(file))
        if (isCheck && (shell || /[/.]/.test(file))) paths.add(posix.join(here, file))
      }
    }
  }
  return paths
}

/** Takes away what stands before the program itself. */
function unwrap(words: string[]): void {
  for (let first = words[0] ?? ''; ; first = words[0] ?? '') {
    if (/^[@-]?\w+=/.test(first) || WRAPPER.test(first)) {
      words.shift()
      while (WRAPPER.test(first) && /^(?:-|\d+[smhd]?$)/.test(words[0] ?? '')) words.shift()
    } else if (PROJECT_RUNNER.test(first) && words[1] === 'run') words.splice(0, 2)
    // A recipe of make that is not shown, or whose failure does not count.
    else if (/^[@-]+[\w./]/.test(first)) words[0] = first.replace(/^[@-]+/, '')
    else return
  }
}

/** The script an interpreter is given, after modules it loads before. */
function filesOf(words: readonly string[]): string[] {
  const files: string[] = []
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? ''
    if (NO_FILE.test(word)) return files
    if (WITH_MODULE.test(word)) files.push(words[(at += 1)] ?? '')
    else if (WITH_VALUE.test(word)) at += 1
    else if (word !== '' && word !== 'run' && !word.startsWith('-')) return /^(?:test|build|install|add|x)$/.test(word) ? files : [...files, word]
  }
  return files
}
