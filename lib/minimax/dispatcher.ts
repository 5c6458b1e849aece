import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici'
import { misconfigured } from './configuration-error.ts'
import { isLoopback } from './endpoint.ts'

export interface Connections {
  readonly dispatcher: Dispatcher
  /** How many connections were made so far; `undefined` behind a proxy, where it is not known. */
  readonly made: () => number | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Connections of one client: kept alive between rounds, a cap on the response, no redirects. `HTTPS_PROXY` (else
 * `HTTP_PROXY`) and `NO_PROXY`, in either case, are honoured for https, which passes a proxy in a tunnel that it cannot
 * look into. Loopback is always reached directly: in clear, a proxy would read the token.
 *
 * @throws {ModelError} `configuration` where the proxy's address is no http(s) URL.
 */
export function connect(url: URL, maxResponseBytes: number, env: Environment): Connections {
  // Tools may work for a while between two rounds; idle sockets do not keep the process alive.
  const options = { keepAliveTimeout: 60_000, maxResponseSize: maxResponseBytes }
  const proxy = url.protocol === 'https:' && !isLoopback(url.hostname) ? proxyOf(env) : undefined
  if (proxy !== undefined) {
    const noProxy = env['no_proxy'] ?? env['NO_PROXY'] ?? ''
    return { dispatcher: new EnvHttpProxyAgent({ ...options, httpsProxy: proxy, noProxy }), made: () => undefined }
  }
  let connections = 0
  const agent = new Agent(options).on('connect', () => {
    connections++
  })
  return { dispatcher: agent, made: () => connections }
}

function proxyOf(env: Environment): string | undefined {
  const name = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'].find((key) => (env[key] ?? '').trim() !== '')
  if (name === undefined) return undefined
  const address = (env[name] ?? '').trim()
  if (/^https?:\/\//i.test(address) && URL.canParse(address)) return address
  throw misconfigured(`${name} is no http or https URL. Write it as http://proxy.example:3128, or unset it.`)
}
