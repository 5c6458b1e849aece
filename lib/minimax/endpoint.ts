import { ModelError } from '../loop/errors.ts'

/** Where a URL comes from. */
export interface AddressSource {
  /** For messages: the variable or option that holds it. */
  readonly name: string
  /** Whether it holds the whole endpoint, to be taken as it is, or a base URL. @defaultValue false */
  readonly isEndpoint?: boolean
}

/**
 * The chat-completions endpoint of a base URL, in any form that is seen in the wild: a bare host, `/v1`, an Anthropic
 * base (`/anthropic`, `/anthropic/v1/messages`), or a whole endpoint. Host, port and query are kept.
 *
 * @throws {ModelError} `configuration` where the URL is none, or the token would travel in clear.
 */
export function chatCompletionsUrl(address: string, { name, isEndpoint = false }: AddressSource): URL {
  let url: URL
  try {
    url = new URL(address.trim())
  } catch {
    const example = `https://api.minimax.io${isEndpoint ? '/v1/chat/completions' : ''}`
    throw misconfigured(`${name} is no URL. Write it as ${example}.`)
  }
  if (url.username !== '' || url.password !== '') {
    throw misconfigured(`${name} carries credentials in the URL. Give the token as ANTHROPIC_AUTH_TOKEN instead.`)
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    throw misconfigured(
      `${name} is ${url.protocol}//${url.host}: the token is sent over https, or to loopback, and nowhere else.`,
    )
  }
  url.hash = ''
  // The root of a host is no endpoint, whatever the variable is called.
  if (!isEndpoint || url.pathname === '/') url.pathname = chatCompletionsPath(url.pathname)
  return url
}

const endpoint = /\/(?:chat\/completions|text\/chatcompletion_v2)$/i
/** What a base may end in besides, in any order: paths of the Anthropic protocol. */
const ofAnthropic: ReadonlySet<string | undefined> = new Set(['anthropic', 'messages'])

function chatCompletionsPath(path: string): string {
  const segments = path.split('/').filter((segment) => segment !== '')
  const tidy = `/${segments.join('/')}`
  if (endpoint.test(tidy)) return tidy
  const last = () => segments.at(-1)?.toLowerCase()
  while (ofAnthropic.has(last()) || last() === 'v1') segments.pop()
  // Other makers count their versions on: /api/paas/v4.
  const version = /^v\d+$/.test(last() ?? '') ? [] : ['v1']
  return `/${[...segments, ...version, 'chat', 'completions'].join('/')}`
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
}

/** The client is set up wrongly. The message names the variable or option to set, never a secret value. */
export function misconfigured(message: string): ModelError {
  return new ModelError(message, { code: 'configuration', retryable: false })
}
