import type { Detected, Listing } from '../detect.ts'

const REQUIREMENTS = ['requirements.txt', 'requirements-dev.txt', 'dev-requirements.txt'] as const

/** Python, by uv or poetry where their lock file is there, else by a virtual environment in `.venv`. */
export function detectPython({ files, read }: Listing): Detected | null {
  const requirements = REQUIREMENTS.filter((file) => files.has(file))
  const project = ['pyproject.toml', 'setup.py', 'setup.cfg'].find((file) => files.has(file))
  if (!project && requirements.length === 0) return null
  const pyproject = read('pyproject.toml') ?? ''
  const mentions = [pyproject, read('setup.py'), read('setup.cfg'), read('tox.ini'), ...requirements.map(read)].some((text) => /\bpytest\b/.test(text ?? ''))
  const testFiles = [...files].some((file) => /(^|\/)(test_[^/]*|[^/]*_test)\.py$/.test(file))
  const pytest = mentions || files.has('pytest.ini') || files.has('conftest.py')

  const { by, setup, prefix } = installer()
  const notes = setup.map((command) => `${by}: ${command}`)
  if (!pytest && !testFiles) return { setup, verify: [], notes }
  const check = pytest ? `${prefix}python -m pytest` : `${prefix}python -m unittest discover`
  return { setup, verify: [check], notes: [...notes, `${pytest ? 'pytest' : 'test files'}: ${check}`] }

  function installer(): { by: string; setup: string[]; prefix: string } {
    if (files.has('uv.lock')) return { by: 'uv.lock', setup: ['uv sync --frozen --all-extras'], prefix: 'uv run --frozen ' }
    if (files.has('poetry.lock')) return { by: 'poetry.lock', setup: ['poetry install --no-interaction'], prefix: 'poetry run ' }
    const pip = '.venv/bin/python -m pip install --quiet'
    // Without a build section `pip install -e .` would guess at packages and often fail.
    const installable = files.has('setup.py') || /^\[(project|build-system)\]/m.test(pyproject)
    const extras = ['dev', 'test', 'tests'].filter((name) => new RegExp(`^\\s*${name}\\s*=\\s*\\[`, 'm').test(/\[project\.optional-dependencies\]([\s\S]*?)(\n\[|$)/.exec(pyproject)?.[1] ?? ''))
    const named = requirements.some((file) => /^\s*pytest\b/m.test(read(file) ?? '')) || extras.length > 0
    return {
      by: requirements[0] ?? project ?? 'python',
      setup: [
        'python3 -m venv .venv',
        ...requirements.map((file) => `${pip} -r ${file}`),
        ...(installable ? [`${pip} -e '.${extras.length > 0 ? `[${extras.join(',')}]` : ''}'`] : []),
        ...(pytest && !named ? [`${pip} pytest`] : []),
      ],
      prefix: '.venv/bin/',
    }
  }
}
