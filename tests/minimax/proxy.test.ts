import { expect, test } from 'vitest'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { startProxy } from './support/proxy.ts'
import { clientOf, modelRequest, token } from './support/request.ts'
import { startTcpServer } from './support/tcp-server.ts'

const url = 'https://api.minimax.invalid'

test.each(['https_proxy', 'HTTPS_PROXY', 'HTTP_PROXY'])(
  'https goes through the proxy of %s, in a tunnel',
  async (name) => {
    await using proxy = await startProxy('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    const model = clientOf(url, { env: { [name]: proxy.url } })
    await expect(model.complete(modelRequest())).rejects.toMatchObject({ message: expect.stringContaining(name) })
    expect(proxy.heard()).toMatch(/^CONNECT api\.minimax\.invalid:443 HTTP\/1\.1\r\n/)
    expect(proxy.heard()).not.toContain(token)
  },
)

test.each([
  [502, 'network', true, 'could not reach api.minimax.invalid (502)'],
  [403, 'configuration', false, 'does not allow connections to api.minimax.invalid (403)'],
  [407, 'configuration', false, 'requires credentials; add a user and a password to HTTPS_PROXY (407)'],
])('the error names a proxy that answers with %i: %s', async (status, code, retryable, words) => {
  await using proxy = await startProxy(`HTTP/1.1 ${status} No\r\n\r\n`)
  const address = `http://user:hunter2@127.0.0.1:${proxy.port}`
  await expect(clientOf(url, { env: { HTTPS_PROXY: address } }).complete(modelRequest())).rejects.toMatchObject({
    code,
    retryable,
    message: `The proxy 127.0.0.1:${proxy.port} of HTTPS_PROXY ${words}.`,
  })
  expect(proxy.heard()).toContain(`proxy-authorization: Basic ${btoa('user:hunter2')}\r\n`)
})

test('the error names a proxy that refuses connections', async () => {
  const { port } = await closedPort()
  const outcome = clientOf(url, { env: { HTTPS_PROXY: `http://127.0.0.1:${port}` } }).complete(modelRequest())
  await expect(outcome).rejects.toMatchObject({
    code: 'network',
    message: `The proxy 127.0.0.1:${port} of HTTPS_PROXY refuses connections; check HTTPS_PROXY (ECONNREFUSED).`,
  })
})

test('the error names a proxy whose host is unknown', async () => {
  const env = { https_proxy: 'http://proxy.invalid:3128' }
  await expect(clientOf(url, { env }).complete(modelRequest())).rejects.toMatchObject({
    code: 'network',
    message: expect.stringMatching(
      /^The proxy proxy\.invalid:3128 of https_proxy (?:is not known|could not be looked up)/,
    ),
  })
})

test.each([
  ['hangs up', '', true],
  ['does not speak HTTP', 'SSH-2.0-OpenSSH_9.9\r\n\r\n', false],
])('the error names a proxy that %s', async (_name, answer, retryable) => {
  await using proxy = await startProxy(answer)
  await expect(clientOf(url, { env: { HTTPS_PROXY: proxy.url } }).complete(modelRequest())).rejects.toMatchObject({
    code: 'network',
    retryable,
    message: expect.stringMatching(`^The proxy 127.0.0.1:${proxy.port} of HTTPS_PROXY .*; check HTTPS_PROXY`),
  })
})

test('the proxy of a tunnel sees only ciphertext, and an error in the tunnel does not name it', async () => {
  await using proxy = await startProxy('HTTP/1.1 200 Connection established\r\n\r\n')
  const model = clientOf(url, { env: { HTTPS_PROXY: proxy.url } })
  await expect(model.complete(modelRequest())).rejects.toMatchObject({
    code: 'network',
    message: expect.stringMatching(/^api\.minimax\.invalid /),
  })
  expect(proxy.heard()).not.toContain(token)
})

test.each([
  ['*', true],
  ['localhost,.minimax.invalid', true],
  ['other.invalid *.MINIMAX.invalid', true],
  ['api.minimax.invalid:443', true],
  ['invalid', true],
  ['api.minimax.invalid:8443', false],
  ['minimax', false],
  ['i.minimax.invalid', false],
  ['', false],
])('NO_PROXY %j exempts api.minimax.invalid: %s', async (list, isExempt) => {
  await using proxy = await startProxy('HTTP/1.1 502 Bad Gateway\r\n\r\n')
  const model = clientOf(url, { env: { HTTPS_PROXY: proxy.url, NO_PROXY: list } })
  await expect(model.complete(modelRequest())).rejects.toMatchObject({ code: 'network' })
  expect(proxy.heard() === '').toBe(isExempt)
})

test('loopback is reached directly, because a proxy would see the token', async () => {
  await using proxy = await startProxy('')
  await using server = await startLocalServer((_request, response) => replyJson(response, 200, completion))
  const env = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url, http_proxy: proxy.url }
  await clientOf(server.url, { env }).complete(modelRequest())
  expect([server.bodies.length, proxy.heard()]).toEqual([1, ''])
})

test.each(['socks5://127.0.0.1:1080', 'proxy.example:3128', 'http://'])(
  'the proxy address %s is a configuration error that names the variable',
  (address) => {
    expect(() => clientOf(url, { env: { HTTPS_PROXY: address } })).toThrow(
      expect.objectContaining({
        code: 'configuration',
        message: expect.stringMatching(/^HTTPS_PROXY must be an http/),
      }),
    )
  },
)

async function closedPort(): Promise<{ readonly port: number }> {
  await using server = await startTcpServer()
  return { port: server.port }
}
