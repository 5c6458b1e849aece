import { TenroundsError } from '../../router/errors.ts'
import { isLoopback, misconfigured } from './endpoint.ts'

/** The HTTP proxy between this client and the endpoint. */
export interface HttpProxy {
  /** Address of the proxy, with its credentials. */
  readonly url: URL
  /** Name of the environment variable that sets it. */
  readonly variable: string
}

/** The proxy could not be reached, did not answer, or refused to open a tunnel. */
export class ProxyError extends TenroundsError {
  /** The proxy that failed. */
  readonly proxy: HttpProxy
  /** HTTP status of the proxy's answer; `undefined` when there was none. */
  readonly status: number | undefined

  /** @param cause what undici or the system failed with; `undefined` when the proxy answered. */
  constructor(proxy: HttpProxy, status: number | undefined, cause?: unknown) {
    super('proxy_failed', 'The proxy failed.', { cause })
    this.proxy = proxy
    this.status = status
  }
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The proxy that the environment asks for: `HTTPS_PROXY`, otherwise `HTTP_PROXY`, unless `NO_PROXY` excludes the host.
 * Names in lower case come first.
 *
 * Only https goes through a proxy, in a tunnel whose content the proxy cannot read. Loopback is always reached directly.
 * undici's `EnvHttpProxyAgent` reads the same variables, but only of this process, and does not say which one it used.
 *
 * @throws {ModelError} `configuration` if the variable is not an http or https URL.
 */
export function proxyFor(url: URL, env: Environment): HttpProxy | undefined {
  if (url.protocol !== 'https:' || isLoopback(url.hostname)) return undefined
  const variable = firstSet(env, ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'])
  if (variable === undefined) return undefined
  const exclusions = firstSet(env, ['no_proxy', 'NO_PROXY'])
  if (exclusions !== undefined && isExcluded(url, env[exclusions] ?? '')) return undefined
  const address = (env[variable] ?? '').trim()
  if (/^https?:\/\//i.test(address) && URL.canParse(address)) return { url: new URL(address), variable }
  throw misconfigured(
    `${variable} must be an http or https URL. Write it like http://proxy.example:3128, or unset the variable.`,
  )
}

/** The value of `proxy-authorization` for a proxy with a user in its URL; `undefined` without one. */
export function proxyCredentials({ url: { username, password } }: HttpProxy): string | undefined {
  if (username === '') return undefined
  return `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')}`
}

/** People write passwords with a bare `%`, which is taken as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function firstSet(env: Environment, names: readonly string[]): string | undefined {
  return names.find((name) => (env[name] ?? '').trim() !== '')
}

/**
 * Whether `NO_PROXY` excludes a URL. It lists hosts, separated by commas or spaces, each with its subdomains and with or
 * without a port; `*` means all hosts.
 */
function isExcluded({ hostname, port }: URL, list: string): boolean {
  return list
    .toLowerCase()
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true
      const [, host = entry, onlyPort] = /^(.+):(\d+)$/.exec(entry) ?? []
      if (onlyPort !== undefined && onlyPort !== (port || '443')) return false
      const domain = host.replace(/^\*?\./, '')
      return hostname === domain || hostname.endsWith(`.${domain}`)
    })
}
