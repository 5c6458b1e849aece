import { expect, test } from 'vitest'
import { faultTable } from '../../lib/testing/index.ts'
import { startCommand } from '../cli/support/command.ts'
import { hello } from './support/post.ts'

test('the faults of the mock server command are listed, one a line, with what they come to', async () => {
  const { code, stdout } = await startCommand(['mock-server', '--faults', 'list']).ended
  const lines = stdout.trimEnd().split('\n')
  const names = lines.map((line) => line.split(' ')[0])
  expect({ code, names }).toEqual({ code: 0, names: faultTable.map(({ name }) => name) })
  expect(stdout).toMatch(/^401 +fails with authentication$/m)
  expect(stdout).toMatch(/^429 +fails with rate_limit \(retryable\)$/m)
  for (const line of lines)
    expect(line).toMatch(/ {2}(?:no harm|fails with \w+(?: \(retryable\))?)(?:; only \w+ replies)?$/)
})

test('the mock server command makes go wrong what it was told, at every request, and says so', async () => {
  const command = startCommand(['mock-server', '--faults', '529, no-done'])
  await command.until('ANTHROPIC_AUTH_TOKEN')
  expect(command.output()).toContain('with 529 and no-done at every request')
  const url = /^export MINIMAX_CHAT_COMPLETIONS_URL=(\S+)$/m.exec(command.output())?.[1] ?? ''
  for (let count = 0; count < 2; count++) {
    const headers = { authorization: 'Bearer x', 'content-type': 'application/json' }
    expect((await fetch(url, { method: 'POST', headers, body: JSON.stringify(hello) })).status).toBe(529)
  }
  command.kill('SIGTERM')
  expect((await command.ended).code).toBe(0)
})

test('a mock server that was told to refuse connections refuses them until it is told to end', async () => {
  const command = startCommand(['mock-server', '--faults', 'refuse'])
  await command.until('ANTHROPIC_AUTH_TOKEN')
  const url = /^export MINIMAX_CHAT_COMPLETIONS_URL=(\S+)$/m.exec(command.output())?.[1] ?? ''
  const headers = { authorization: 'Bearer x', 'content-type': 'application/json' }
  for (let count = 0; count < 2; count++) {
    await expect(fetch(url, { method: 'POST', headers, body: JSON.stringify(hello) })).rejects.toThrow()
  }
  command.kill('SIGTERM')
  expect((await command.ended).code).toBe(0)
})

test('a fault that does not exist is wrong usage, and says where the names are', async () => {
  const { code, stdout, stderr } = await startCommand(['mock-server', '--faults', '529,nope']).ended
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toBe(
    'tenrounds: --faults names "nope", which is none: "tenrounds mock-server --faults list" lists them.\n',
  )
})
