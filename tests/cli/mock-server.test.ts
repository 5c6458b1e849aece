import { expect, test } from 'vitest'
import { startCommand } from './support/command.ts'

const timeout = 30_000

test.each(['SIGINT', 'SIGTERM'] as const)(
  'mock-server prints the lines to copy, and an incident runs behind it, until %s',
  async (signal) => {
    const command = startCommand(['mock-server'])
    await command.until('ANTHROPIC_AUTH_TOKEN')
    const exported = [...command.output().matchAll(/^export (\w+)=(\S+)$/gm)].map(([, name, value]) => [name, value])
    const env: Record<string, string> = Object.fromEntries(exported)
    expect(Object.keys(env)).toEqual(['MINIMAX_CHAT_COMPLETIONS_URL', 'ANTHROPIC_AUTH_TOKEN'])
    const response = await fetch(env['MINIMAX_CHAT_COMPLETIONS_URL'] ?? '', {
      method: 'POST',
      headers: { authorization: `Bearer ${env['ANTHROPIC_AUTH_TOKEN']}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'minimax-m2.1', messages: [{ role: 'user', content: 'Hello' }] }),
    })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ choices: [{ message: { role: 'assistant' } }] })
    command.kill(signal)
    expect(await command.ended).toMatchObject({ code: 0, signal: null })
  },
  timeout,
)

test(
  'a port that is taken is wrong usage, and says what to do',
  async () => {
    const first = startCommand(['mock-server'])
    await first.until('ANTHROPIC_AUTH_TOKEN')
    const port = /:(\d+)\//.exec(first.output())?.[1] ?? ''
    const second = await startCommand(['mock-server', '--port', port]).ended
    expect(second).toMatchObject({ code: 2, stdout: '' })
    expect(second.stderr).toMatch(new RegExp(`${port}.*--port`))
    first.kill('SIGTERM')
    await first.ended
  },
  timeout,
)

test.each([
  [['mock-server', '--port', '70000'], /"70000".*65535/],
  [['mock-server', '--port', 'x'], /"x".*65535/],
  [['mock-server', '--wait'], /"tenrounds mock-server" has no --wait/],
  [['scenarios', 'kv_cache_pressure'], /Too many arguments: kv_cache_pressure/],
  [['start'], /needs a scenario/],
  [['start', 'no_such_incident'], /no_such_incident/],
  [['watch'], /needs a workflow id/],
  [['worker', 'x'], /Too many arguments: x/],
])(
  '%j is wrong usage',
  async (args, message) => {
    const { code, stdout, stderr } = await startCommand(args).ended
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/^tenrounds: [^\n]*\n$/)
  },
  timeout,
)
