import { expect, test } from 'vitest'
import { faultTable } from '../../lib/testing/index.ts'
import { hello } from '../testing/support/post.ts'
import { runMain, startMain } from './support/start-main.ts'

/** Starts the command and reads the lines that it prints to be copied into a shell. */
async function startMockServerCommand(...options: readonly string[]) {
  const command = startMain(['mock-server', ...options])
  await command.until('ANTHROPIC_AUTH_TOKEN')
  const exported = [...command.output().matchAll(/^export (\w+)=(\S+)$/gm)].map(([, name, value]) => [name, value])
  const env: Record<string, string> = Object.fromEntries(exported)
  const url = env['MINIMAX_CHAT_COMPLETIONS_URL'] ?? ''
  const headers = { authorization: `Bearer ${env['ANTHROPIC_AUTH_TOKEN']}`, 'content-type': 'application/json' }
  return { ...command, env, url, ask: () => fetch(url, { method: 'POST', headers, body: JSON.stringify(hello) }) }
}

test('mock-server prints the variables that select it, answers, and ends when it is interrupted', async () => {
  const { env, ask, interrupt, ended, output } = await startMockServerCommand()
  expect(output()).toContain('no model. Fixed rules answer the incident agent only. Stop it')
  expect(Object.keys(env)).toEqual(['MINIMAX_CHAT_COMPLETIONS_URL', 'ANTHROPIC_AUTH_TOKEN'])
  const response = await ask()
  expect(response.status).toBe(200)
  expect(await response.json()).toMatchObject({ choices: [{ message: { role: 'assistant' } }] })
  interrupt()
  expect((await ended).code).toBe(0)
  await expect(ask()).rejects.toThrow()
})

test('a port that is in use is wrong usage, and the message says what to do', async () => {
  const { url, interrupt, ended } = await startMockServerCommand()
  const { port } = new URL(url)
  const second = await runMain(['mock-server', '--port', port])
  expect(second).toMatchObject({ code: 2, stdout: '' })
  expect(second.stderr).toMatch(new RegExp(`${port}.*--port`))
  interrupt()
  await ended
})

test('--faults list prints every fault on one line with its description', async () => {
  const { code, stdout } = await runMain(['mock-server', '--faults', 'list'])
  const lines = stdout.trimEnd().split('\n')
  const names = lines.map((line) => line.split(' ')[0])
  expect({ code, names }).toEqual({ code: 0, names: faultTable.map(({ name }) => name) })
  expect(stdout).toMatch(/^401 +The token is wrong\.$/m)
  expect(stdout).toMatch(/^429 +Too many requests\.$/m)
  for (const line of lines) expect(line).toMatch(/ {2}\S.*\.(?: \(only (?:streamed|whole) replies\))?$/)
})

test('--strict refuses what only some sources say that MiniMax refuses', async () => {
  for (const [options, status] of [
    [[], 200],
    [['--strict'], 400],
  ] as const) {
    const { url, env, interrupt, ended } = await startMockServerCommand(...options)
    const headers = { authorization: `Bearer ${env['ANTHROPIC_AUTH_TOKEN']}` }
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ ...hello, temperature: 0 }) })
    expect(response.status).toBe(status)
    interrupt()
    await ended
  }
})

test('--faults affect every request, and the command says so', async () => {
  const { ask, output, interrupt, ended } = await startMockServerCommand('--faults', '529, no-done')
  expect(output()).toContain('with 529 and no-done on every request')
  for (let count = 0; count < 2; count++) expect((await ask()).status).toBe(529)
  interrupt()
  expect((await ended).code).toBe(0)
})

test('a mock server that refuses connections keeps running until it is interrupted', async () => {
  const { ask, interrupt, ended } = await startMockServerCommand('--faults', 'refuse')
  for (let count = 0; count < 2; count++) await expect(ask()).rejects.toThrow()
  interrupt()
  expect((await ended).code).toBe(0)
})
