import { excerpt } from '../../router/text/clip.ts'
import { ModelError } from '../loop/errors.ts'

/**
 * MiniMax's hosts: international, and in China. A key is valid at one of them.
 * Source: https://platform.minimax.io/docs/api-reference/text-openai-api.md and the same page of platform.minimaxi.com
 */
export const officialHosts = ['api.minimax.io', 'api.minimaxi.com'] as const

/** The place that a URL was configured in. */
export interface UrlSource {
  /** The variable or option, for error messages. */
  readonly name: string
  /** Whether it contains the whole endpoint, which is used as it is, instead of a base URL. @defaultValue false */
  readonly isEndpoint?: boolean
}

/**
 * The chat-completions endpoint for a base URL in any common form: a host alone, `/v1`, an Anthropic base (`/anthropic`,
 * `/anthropic/v1/messages`), or a whole endpoint. Host, port and query are kept.
 *
 * @throws {ModelError} `configuration` if the URL is invalid, or the token would be sent unencrypted.
 */
export function chatCompletionsUrl(address: string, { name, isEndpoint = false }: UrlSource): URL {
  let url: URL
  try {
    url = new URL(address.trim())
  } catch {
    throw notUrl(address.trim(), name, isEndpoint)
  }
  // "localhost:8000" is a URL with the protocol "localhost:".
  if (url.host === '' && hostLike.test(address.trim())) throw notUrl(address.trim(), name, isEndpoint)
  if (url.username !== '' || url.password !== '') {
    throw misconfigured(`${name} contains credentials. Remove them and set the token as ANTHROPIC_AUTH_TOKEN.`)
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    throw misconfigured(
      `${name} is ${url.protocol}//${url.host}. The token is sent only over https or to loopback; use https.`,
    )
  }
  url.hash = ''
  // The root of a host is never an endpoint, no matter which variable it comes from.
  if (!isEndpoint || url.pathname === '/') url.pathname = chatCompletionsPath(url.pathname)
  return url
}

/** A host name with a dot, an address or `localhost`; then perhaps a port and a path. */
const hostLike = /^(?:(?:[\w-]+\.)+[a-z]{2,}|\d{1,3}(?:\.\d{1,3}){3}|localhost)(?::\d+)?(?:\/\S*)?$/i

function notUrl(address: string, name: string, isEndpoint: boolean): ModelError {
  const isHost = hostLike.test(address)
  const scheme = isLoopback(address.split(/[:/]/, 1)[0] ?? '') ? 'http' : 'https'
  const advice = isHost
    ? `Did you forget ${scheme}://?`
    : `Example: https://${officialHosts[0]}${isEndpoint ? '/v1/chat/completions' : ''}`
  // A text that is not like an address may be a token in the wrong variable.
  const shown = isHost || address.length < 16 ? JSON.stringify(excerpt(address, 80)) : 'a text without a host name'
  return misconfigured(`${name} is ${shown}; it must be a URL. ${advice}`)
}

const endpoint = /\/(?:chat\/completions|text\/chatcompletion_v2)$/i
/** Further segments at the end of a base URL, in any order: paths of the Anthropic protocol. */
const anthropicSegments: ReadonlySet<string | undefined> = new Set(['anthropic', 'messages'])

function chatCompletionsPath(path: string): string {
  const segments = path.split('/').filter((segment) => segment !== '')
  const tidy = `/${segments.join('/')}`
  if (endpoint.test(tidy)) return tidy
  const last = () => segments.at(-1)?.toLowerCase()
  while (anthropicSegments.has(last()) || last() === 'v1') segments.pop()
  // Other providers have higher versions: /api/paas/v4.
  const version = /^v\d+$/.test(last() ?? '') ? [] : ['v1']
  return `/${[...segments, ...version, 'chat', 'completions'].join('/')}`
}

/** Whether a host name is this machine: `localhost`, 127.0.0.0/8 or `[::1]`. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
}

/** The error for a client that is set up wrongly. The message must name the variable or option, and must not show a secret. */
export function misconfigured(message: string): ModelError {
  return new ModelError(message, { code: 'configuration', retryable: false })
}
