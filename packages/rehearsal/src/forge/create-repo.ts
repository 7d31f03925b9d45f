import { appendFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { RepoName } from '@factory/shared'
import { git, listRefs, ROBOT } from './git.ts'
import { repoKey, type Repo, type World } from './world.ts'

export type NewRepo = {
  /** `owner/name` */
  name: string
  /** A directory, or files by path. Nothing: an empty repository. */
  from?: string | Record<string, string>
  private?: boolean
  archived?: boolean
  defaultBranch?: string
  description?: string
}

/** As GitHub: any commit may be fetched by its name, partial clones work, refs/pull is not pushed to. */
const CONFIG = `[http]
\treceivepack = true
[uploadpack]
\tallowAnySHA1InWant = true
\tallowFilter = true
[receive]
\thideRefs = refs/pull
[gc]
\tauto = 0
`

/** Makes a repository whose first commit has the given files. @throws Error when it exists or the name is none */
export async function createRepo(world: World, wanted: NewRepo): Promise<Repo> {
  const named = RepoName.safeParse(wanted.name)
  if (!named.success) throw new Error(`${wanted.name} is no repository name: it must be owner/name`)
  const [owner = '', name = ''] = named.data.split('/')
  const key = repoKey(owner, name)
  if (world.repos.has(key)) throw new Error(`the rehearsal forge has ${named.data} already`)
  const dir = join(world.dataDir, owner.toLowerCase(), `${name.toLowerCase()}.git`)
  const defaultBranch = wanted.defaultBranch ?? 'main'
  const now = world.now()
  const repo: Repo = {
    id: world.nextId(),
    owner,
    name,
    description: wanted.description ?? null,
    private: wanted.private ?? false,
    archived: wanted.archived ?? false,
    defaultBranch,
    dir,
    createdAt: now,
    updatedAt: now,
    pushedAt: now,
    labels: new Map(),
    issues: new Map(),
    nextNumber: 1,
    refs: new Map(),
    queue: Promise.resolve(),
  }
  // Claimed before the first wait, so that two calls cannot make it twice.
  world.repos.set(key, repo)
  try {
    await rm(dir, { recursive: true, force: true })
    await mkdir(dir, { recursive: true })
    await git(dir, ['init', '--quiet', '--bare', `--initial-branch=${defaultBranch}`, '.'])
    await appendFile(join(dir, 'config'), CONFIG)
    if (wanted.from !== undefined) await commitFirst(dir, wanted.from, defaultBranch)
    repo.refs = await listRefs(dir)
    return repo
  } catch (error) {
    world.repos.delete(key)
    throw error
  }
}

async function commitFirst(dir: string, from: string | Record<string, string>, branch: string): Promise<void> {
  const temporary = await mkdtemp(join(tmpdir(), 'rehearsal-repo-'))
  try {
    const tree = typeof from === 'string' ? from : join(temporary, 'tree')
    if (typeof from !== 'string') {
      await mkdir(tree, { recursive: true })
      for (const [path, content] of Object.entries(from)) {
        await mkdir(dirname(join(tree, path)), { recursive: true })
        await Bun.write(join(tree, path), content)
      }
    }
    const env = { ...ROBOT, GIT_DIR: dir, GIT_WORK_TREE: tree, GIT_INDEX_FILE: join(temporary, 'index') }
    await git(tree, ['add', '--all', '.'], { env })
    const written = await git(tree, ['write-tree'], { env })
    const commit = await git(tree, ['commit-tree', written, '-m', 'Initial commit'], { env })
    await git(dir, ['update-ref', `refs/heads/${branch}`, commit])
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}
