import { expect, test } from 'vitest'
import { chatCompletionsUrl } from '../../lib/minimax/endpoint.ts'

const endpoint = 'https://api.minimax.io/v1/chat/completions'
const base = { name: 'MINIMAX_BASE_URL' }

test.each([
  ['https://api.minimax.io', endpoint],
  ['https://api.minimax.io/', endpoint],
  ['https://api.minimax.io//', endpoint],
  ['  https://api.minimax.io\n', endpoint],
  ['https://api.minimax.io/v1', endpoint],
  ['https://api.minimax.io/v1/', endpoint],
  ['https://api.minimax.io/v1/chat/completions', endpoint],
  ['https://api.minimax.io/v1/chat/completions/', endpoint],
  ['https://api.minimax.io/anthropic', endpoint],
  ['https://api.minimax.io/anthropic/', endpoint],
  ['https://api.minimax.io/anthropic/v1', endpoint],
  ['https://api.minimax.io/anthropic/v1/', endpoint],
  ['https://api.minimax.io/anthropic/v1/messages', endpoint],
  ['https://api.minimax.io/anthropic/messages', endpoint],
  ['https://api.minimax.io/v1/messages', endpoint],
  ['https://api.minimax.io/v1/anthropic', endpoint],
  ['https://api.minimax.io//anthropic//v1/', endpoint],
  ['https://api.minimax.io//v1//chat/completions', endpoint],
  ['https://api.minimax.io/V1', endpoint],
  ['https://api.minimax.io/Anthropic/V1/Messages/', endpoint],
  ['https://api.minimax.io/v1/v1', endpoint],
  ['https://API.minimax.io/v1#fragment', endpoint],
  ['https://api.minimax.io/v1/text/chatcompletion_v2', 'https://api.minimax.io/v1/text/chatcompletion_v2'],
  ['https://api.minimaxi.com/anthropic', 'https://api.minimaxi.com/v1/chat/completions'],
  ['https://api.minimax.cn/v1', 'https://api.minimax.cn/v1/chat/completions'],
  ['https://api.minimax.chat', 'https://api.minimax.chat/v1/chat/completions'],
  ['https://gateway.example:8443/minimax/v1', 'https://gateway.example:8443/minimax/v1/chat/completions'],
  ['https://gateway.example/Team%20A/v1', 'https://gateway.example/Team%20A/v1/chat/completions'],
  ['https://gateway.example/api/v4', 'https://gateway.example/api/v4/chat/completions'],
  ['https://gateway.example/myanthropic', 'https://gateway.example/myanthropic/v1/chat/completions'],
  ['https://api.minimax.io/v1?GroupId=7', 'https://api.minimax.io/v1/chat/completions?GroupId=7'],
  ['http://127.0.0.1:8080', 'http://127.0.0.1:8080/v1/chat/completions'],
  ['http://127.1.2.3', 'http://127.1.2.3/v1/chat/completions'],
  ['http://localhost:8080/v1', 'http://localhost:8080/v1/chat/completions'],
  ['http://[::1]:8080', 'http://[::1]:8080/v1/chat/completions'],
])('%j is the endpoint %s', (address, expected) => {
  expect(chatCompletionsUrl(address, base).href).toBe(expected)
})

test('an endpoint that is normalised again stays as it is', () => {
  const once = chatCompletionsUrl('https://api.minimax.io/anthropic', base).href
  expect(chatCompletionsUrl(once, base).href).toBe(once)
})

test.each([
  'https://gateway.example/llm/minimax',
  'https://gateway.example/llm/minimax/',
  'https://gateway.example//v1/anthropic?key=1',
  'https://api.minimax.io/v1/chat/completions/',
])('a whole endpoint is taken as it is: %s', (address) => {
  expect(chatCompletionsUrl(address, { name: 'x', isEndpoint: true }).href).toBe(address)
})

test('the root of a host is never taken as an endpoint', () => {
  expect(chatCompletionsUrl('https://api.minimax.io', { name: 'x', isEndpoint: true }).href).toBe(endpoint)
})

test.each([
  'http://api.minimax.io',
  'http://localhost.example.com',
  'http://127.0.0.1.example.com',
  'http://10.0.0.7:8080',
  'http://0.0.0.0:8080',
  'ws://127.0.0.1:8080',
  'file:///v1/chat/completions',
  'ftp://127.0.0.1',
])('%s is refused, because the token is sent only over https or to loopback', (address) => {
  expect(() => chatCompletionsUrl(address, { name: 'ANTHROPIC_BASE_URL' })).toThrow(
    expect.objectContaining({
      name: 'ModelError',
      code: 'configuration',
      retryable: false,
      message: expect.stringMatching(/^ANTHROPIC_BASE_URL is .*over https or to loopback/),
    }),
  )
})

test.each([
  ['', 'MINIMAX_BASE_URL is ""; it must be a URL. Example: https://api.minimax.io'],
  ['not a url', 'MINIMAX_BASE_URL is "not a url"; it must be a URL. Example: https://api.minimax.io'],
  ['https://', 'MINIMAX_BASE_URL is "https://"; it must be a URL.'],
  ['api.minimax.io', 'MINIMAX_BASE_URL is "api.minimax.io"; it must be a URL. Did you forget https://?'],
  ['api.minimax.io:443/v1', '"api.minimax.io:443/v1"; it must be a URL. Did you forget https://?'],
  ['localhost:8000/v1', '"localhost:8000/v1"; it must be a URL. Did you forget http://?'],
  ['127.0.0.1:8000', '"127.0.0.1:8000"; it must be a URL. Did you forget http://?'],
])('%j is not a URL, and the message shows the value and the next step', (address, message) => {
  const attempt = () => chatCompletionsUrl(address, base)
  expect(attempt).toThrow(expect.objectContaining({ code: 'configuration' }))
  expect(attempt).toThrow(message)
})

test('a long text without a host name is not shown, because it may be a token', () => {
  const attempt = () => chatCompletionsUrl('a-token-that-no-pattern-knows', base)
  expect(attempt).toThrow('MINIMAX_BASE_URL is a text without a host name; it must be a URL.')
  expect(attempt).not.toThrow('no-pattern')
})

test.each(['https://user:hunter2@api.minimax.io', 'https://hunter2@api.minimax.io', 'http://:hunter2@127.0.0.1'])(
  'credentials in a URL are refused and not shown',
  (address) => {
    const attempt = () => chatCompletionsUrl(address, base)
    expect(attempt).toThrow(/^MINIMAX_BASE_URL contains credentials.*ANTHROPIC_AUTH_TOKEN/)
    expect(attempt).not.toThrow('hunter2')
  },
)
