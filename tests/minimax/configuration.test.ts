import { expect, test } from 'vitest'
import { ModelError } from '../../lib/loop/errors.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { configure } from '../../lib/minimax/options.ts'

const token = 'a-token-that-no-pattern-knows'
const env = {
  MINIMAX_CHAT_COMPLETIONS_URL: 'https://one.example/v1/chat/completions',
  ANTHROPIC_BASE_URL: 'https://two.example/anthropic',
  MINIMAX_BASE_URL: 'https://three.example',
  ANTHROPIC_AUTH_TOKEN: token,
  MINIMAX_MODEL: 'MiniMax-M3',
}

test.each([
  ['the option', { url: 'https://zero.example' }, {}, 'zero.example'],
  ['MINIMAX_CHAT_COMPLETIONS_URL', {}, {}, 'one.example'],
  ['ANTHROPIC_BASE_URL', {}, { MINIMAX_CHAT_COMPLETIONS_URL: undefined }, 'two.example'],
  ['MINIMAX_BASE_URL', {}, { MINIMAX_CHAT_COMPLETIONS_URL: '', ANTHROPIC_BASE_URL: '  ' }, 'three.example'],
  [
    'the default',
    {},
    { MINIMAX_CHAT_COMPLETIONS_URL: undefined, ANTHROPIC_BASE_URL: undefined, MINIMAX_BASE_URL: undefined },
    'api.minimax.chat',
  ],
])('%s gives the endpoint where nothing before it is set', (_name, options, changed, host) => {
  expect(configure({ ...options, env: { ...env, ...changed } }).url.host).toBe(host)
})

test.each([
  ['MINIMAX_CHAT_COMPLETIONS_URL', 'https://gateway.example/llm/minimax'],
  ['ANTHROPIC_BASE_URL', 'https://gateway.example/llm/minimax/v1/chat/completions'],
  ['MINIMAX_BASE_URL', 'https://gateway.example/llm/minimax/v1/chat/completions'],
])('%s with a path gives the endpoint %s', (variable, expected) => {
  const variables = { ANTHROPIC_AUTH_TOKEN: token, [variable]: 'https://gateway.example/llm/minimax' }
  expect(configure({ env: variables }).url.href).toBe(expected)
})

test('options override the environment', () => {
  const { model, token: used } = configure({ token: 'other', model: 'MiniMax-M2.5', env })
  expect({ model, used }).toEqual({ model: 'MiniMax-M2.5', used: 'other' })
})

test.each([
  ['no token', { ANTHROPIC_AUTH_TOKEN: undefined }, /set ANTHROPIC_AUTH_TOKEN/],
  ['an empty token', { ANTHROPIC_AUTH_TOKEN: ' \n' }, /set ANTHROPIC_AUTH_TOKEN/],
  ['a token with a line break', { ANTHROPIC_AUTH_TOKEN: `${token}\n${token}` }, /ANTHROPIC_AUTH_TOKEN/],
  ['a token beyond ASCII', { ANTHROPIC_AUTH_TOKEN: `${token}…` }, /ANTHROPIC_AUTH_TOKEN/],
  [
    'a whole endpoint in clear',
    { MINIMAX_CHAT_COMPLETIONS_URL: 'http://one.example' },
    /^MINIMAX_CHAT_COMPLETIONS_URL/,
  ],
  ['the token for a URL', { MINIMAX_CHAT_COMPLETIONS_URL: 'sk-cp-0123456789' }, /^MINIMAX_CHAT_COMPLETIONS_URL/],
])('%s is a configuration error that names the variable and shows no secret', (_name, changed, message) => {
  const caught = errorOf(() => minimax({ env: { ...env, ...changed } }))
  expect(caught).toBeInstanceOf(ModelError)
  expect(caught).toMatchObject({ code: 'configuration', retryable: false, message: expect.stringMatching(message) })
  expect(JSON.stringify([caught, (caught as Error).message, (caught as Error).stack])).not.toMatch(
    /a-token-that-no-pattern-knows|0123456789/,
  )
})

test('the model shows where it sends to, without query and token', () => {
  const model = minimax({ env: { ...env, MINIMAX_CHAT_COMPLETIONS_URL: 'https://one.example/llm?api_key=abc' } })
  expect(model).toMatchObject({
    name: 'MiniMax-M3',
    provider: 'minimax',
    url: 'https://one.example/llm',
  })
  expect(JSON.stringify(model)).not.toMatch(/abc|a-token/)
})

function errorOf(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}
