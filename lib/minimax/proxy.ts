import { isLoopback, misconfigured } from './endpoint.ts'

/** A proxy on the way to the endpoint. */
export interface HttpProxy {
  readonly url: URL
  /** The environment variable that names it. */
  readonly variable: string
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The proxy that the environment asks for: `HTTPS_PROXY` (else `HTTP_PROXY`), unless `NO_PROXY` exempts the host, each in
 * either case. Only for https, which passes a proxy in a tunnel that it cannot look into; and never for loopback.
 *
 * @throws {ModelError} `configuration` where the proxy's address is no http(s) URL.
 */
export function proxyFor(url: URL, env: Environment): HttpProxy | undefined {
  if (url.protocol !== 'https:' || isLoopback(url.hostname)) return undefined
  const variable = firstSet(env, ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'])
  if (variable === undefined) return undefined
  const exempted = firstSet(env, ['no_proxy', 'NO_PROXY'])
  if (exempted !== undefined && isExempt(url, env[exempted] ?? '')) return undefined
  const address = (env[variable] ?? '').trim()
  if (/^https?:\/\//i.test(address) && URL.canParse(address)) return { url: new URL(address), variable }
  throw misconfigured(`${variable} is no http or https URL. Write it as http://proxy.example:3128, or unset it.`)
}

function firstSet(env: Environment, names: readonly string[]): string | undefined {
  return names.find((name) => (env[name] ?? '').trim() !== '')
}

/** `NO_PROXY`: hosts with their subdomains, apart by commas or blanks, with or without a port; or `*` for all. */
function isExempt({ hostname, port }: URL, exemptions: string): boolean {
  return exemptions
    .toLowerCase()
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true
      const [, host = entry, only] = /^(.+):(\d+)$/.exec(entry) ?? []
      if (only !== undefined && only !== (port || '443')) return false
      const domain = host.replace(/^\*?\./, '')
      return hostname === domain || hostname.endsWith(`.${domain}`)
    })
}
