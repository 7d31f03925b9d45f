import { expect, test } from 'bun:test'
import { readImageEnv } from './image-env.ts'

test('an image keeps the search path and the variables of its toolchain', () => {
  const Env = ['PATH=/usr/local/cargo/bin:/usr/bin', 'RUSTUP_HOME=/usr/local/rustup', 'JAVA_HOME=/opt/java/openjdk', 'EMPTY=']
  expect(readImageEnv({ Config: { Env } })).toEqual({ path: '/usr/local/cargo/bin:/usr/bin', names: ['RUSTUP_HOME', 'JAVA_HOME', 'EMPTY'] })
})

test('it does not get at our own programs, nor at what we set', () => {
  const Env = ['FACTORY_RUN_TOKEN=x', 'ANTHROPIC_BASE_URL=http://elsewhere', 'CLAUDE_BIN=/evil', 'RALPH_ENV=a', 'GIT_SSH_COMMAND=x', 'LD_PRELOAD=/x.so', 'NODE_OPTIONS=x', 'HOME=/root', 'https_proxy=http://x', 'NO_PROXY=*', 'SSL_CERT_FILE=/x', 'A B=1', 'x,y=2', '=3']
  expect(readImageEnv({ Config: { Env } })).toEqual({ path: null, names: [] })
})

test.each([[null], [{}], [{ Config: null }], [{ Config: { Env: null } }], [{ Config: { Env: 'PATH=x' } }]])('%j has none', (inspected) => {
  expect(readImageEnv(inspected)).toEqual({ path: null, names: [] })
})

test('what tools would write to is left to HOME: the image is read-only', () => {
  expect(readImageEnv({ Config: { Env: ['GOPATH=/go', 'CARGO_HOME=/usr/local/cargo', 'npm_config_cache=/npm', 'PIP_CACHE_DIR=/pip', 'GOLANG_VERSION=1.25'] } }).names).toEqual(['GOLANG_VERSION'])
})
