import { expect, test } from 'vitest'
import { configure } from '../../lib/minimax/options.ts'

/** The name that a request has, on this host. */
function sentName(name: string, host: string): string {
  return configure({ url: `https://${host}/v1`, env: { ANTHROPIC_AUTH_TOKEN: 'x', MINIMAX_MODEL: name } }).model
}

test.each([
  ['', 'minimax-m2.1'],
  ['[1m]', 'minimax-m2.1'],
  ['MiniMax-M3', 'MiniMax-M3'],
  [' MiniMax-M2.7-highspeed ', 'MiniMax-M2.7-highspeed'],
  ['MiniMax-M3[1m]', 'MiniMax-M3'],
  ['MiniMax-M3[1M]', 'MiniMax-M3'],
  ['MiniMax-M3 [1m] ', 'MiniMax-M3'],
  ['minimax/MiniMax-M2.7', 'MiniMax-M2.7'],
  ['minimax-portal/MiniMax-M2.7', 'MiniMax-M2.7'],
  ['MiniMaxAI/MiniMax-M2.1', 'MiniMax-M2.1'],
  ['minimax/minimax-m3[1m]', 'minimax-m3'],
  ['someone/else', 'someone/else'],
])('the model name %j goes out as %j', (name, expected) => {
  expect(sentName(name, 'api.minimax.io')).toBe(expected)
})

test.each([
  'api.minimax.io',
  'api-uw.minimax.io',
  'api.minimax.chat',
  'api.minimax.cn',
  'api.minimaxi.com',
  'api.minimaxi.chat',
])('%s is a host of MiniMax, which knows no vendor prefix', (host) => {
  expect(sentName('minimax/minimax-m2.1', host)).toBe('minimax-m2.1')
})

test.each(['openrouter.ai', 'minimax.io.example', 'notminimax.io', 'gateway.example', '127.0.0.1'])(
  '%s may need the vendor prefix',
  (host) => {
    expect(sentName('minimax/minimax-m2.1', host)).toBe('minimax/minimax-m2.1')
    expect(sentName('minimax/minimax-m2:free [1m]', host)).toBe('minimax/minimax-m2:free')
  },
)

test('the host is the one of the endpoint', () => {
  const env = { ANTHROPIC_AUTH_TOKEN: 'x', MINIMAX_MODEL: 'minimax/minimax-m2.1' }
  expect(configure({ env }).model).toBe('minimax-m2.1')
  expect(configure({ env, url: 'https://openrouter.ai/api/v1' }).model).toBe('minimax/minimax-m2.1')
})
