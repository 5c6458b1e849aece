import { misconfigured } from './configuration-error.ts'

/**
 * The chat-completions endpoint of a base URL, in any form that is seen in the wild: a bare host, `/v1`, an Anthropic
 * base (`/anthropic`, `/anthropic/v1/messages`), or a whole endpoint. Host, port and query are kept.
 *
 * @throws {ModelError} `configuration` where the URL is none, or the token would travel in clear.
 */
export function chatCompletionsUrl(address: string, source: string): URL {
  let url: URL
  try {
    url = new URL(address.trim())
  } catch {
    throw misconfigured(`${source} is no URL. Write it as https://api.minimax.io.`)
  }
  if (url.username !== '' || url.password !== '') {
    throw misconfigured(`${source} carries credentials in the URL. Give the token as ANTHROPIC_AUTH_TOKEN instead.`)
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    throw misconfigured(
      `${source} is ${url.protocol}//${url.host}: the token is sent over https, or to loopback, and nowhere else.`,
    )
  }
  url.hash = ''
  url.pathname = chatCompletionsPath(url.pathname)
  return url
}

function chatCompletionsPath(path: string): string {
  const trimmed = path.replace(/\/+$/, '')
  if (/\/(?:chat\/completions|text\/chatcompletion_v2)$/.test(trimmed)) return trimmed
  const base = trimmed.replace(/\/anthropic(?:\/v1(?:\/messages)?)?$/, '').replace(/\/v1$/, '')
  return `${base}/v1/chat/completions`
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
}
