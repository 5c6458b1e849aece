import type { Protocol } from '../../router/reading/call-shapes.ts'
import { chatCompletionsUrl, isLoopback, misconfigured, type UrlSource } from './endpoint.ts'
import { type Check, checkOptions, ofType, wholeNumber, wrongValue } from './option-checks.ts'
import { type RequestOptions, type RequestSettings, requestChecks, requestSettings } from './request-options.ts'

/** Options of `minimax()`. An option that is `undefined` counts as not given. */
export interface MinimaxOptions extends RequestOptions {
  /**
   * Base URL or whole endpoint. https, or http to loopback, because the token is sent along.
   *
   * @defaultValue `MINIMAX_CHAT_COMPLETIONS_URL` › `ANTHROPIC_BASE_URL` › `MINIMAX_BASE_URL` › https://api.minimax.chat
   */
  readonly url?: string | undefined
  /** Bearer token. It can be left out for an endpoint on loopback. @defaultValue `ANTHROPIC_AUTH_TOKEN` */
  readonly token?: string | undefined
  /** Name of the model. @defaultValue `MINIMAX_MODEL`, otherwise `minimax-m2.1` */
  readonly model?: string | undefined
  /**
   * Requests server-sent events. The reply is the same, but a run with `onEvent` gets its text in many `text-delta` events
   * while it arrives. @defaultValue false
   */
  readonly stream?: boolean | undefined
  /** The way in which tools are sent. @defaultValue `native`; `json` as soon as the endpoint refuses the field `tools` */
  readonly protocol?: Protocol | undefined
  /** Number of retries of a failed call, where a retry can help. 0 or more. @defaultValue 2 */
  readonly retries?: number | undefined
  /**
   * Longest time for one request, from connecting to the end of the response, in milliseconds. At least 1. The deadline
   * of the run may end it earlier. A request that takes longer fails with `timeout` and is retried.
   *
   * @defaultValue 300000 (5 minutes), but at most half of the time that is left for the call; 600000 (10 minutes) with
   * `stream`, but at most two thirds of it
   */
  readonly callTimeoutMs?: number | undefined
  /**
   * Longest time without a byte from the server, in milliseconds. At least 1. A request that meets it fails with `timeout`
   * and is retried.
   *
   * @defaultValue 120000 (2 minutes) with `stream`, but at most a third of the time that is left for the call. No limit
   * without `stream`: then nothing arrives until the reply is complete
   */
  readonly idleTimeoutMs?: number | undefined
  /** Maximum size of a response, in bytes. A larger one fails the call. @defaultValue 16777216 (16 MiB) */
  readonly maxResponseBytes?: number | undefined
  /**
   * Environment variables, also those of proxies: `HTTPS_PROXY`, otherwise `HTTP_PROXY`, and `NO_PROXY`.
   *
   * @defaultValue process.env
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}

/** Options of `minimax()` with environment and defaults filled in. */
export interface Configuration {
  /** The chat-completions endpoint. */
  readonly url: URL
  /** Bearer token; empty for none. */
  readonly token: string
  /** Name of the model as the endpoint knows it. */
  readonly model: string
  /** Whether server-sent events are requested. */
  readonly stream: boolean
  /** `undefined`: native until the endpoint refuses `tools`. */
  readonly protocol: Protocol | undefined
  /** Options of each request. */
  readonly settings: RequestSettings
  /** Number of retries of a failed call. */
  readonly retries: number
  /** Longest time for one request. */
  readonly callTimeout: TimeLimit
  /** Longest time without a byte from the server. */
  readonly idleTimeout: TimeLimit
  /** Maximum size of a response, in bytes. */
  readonly maxResponseBytes: number
  /** Environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A limit that depends on the time that is left for the call, so that one silent connection never uses all of it. */
export interface TimeLimit {
  /** In milliseconds; `Infinity` for no limit. */
  readonly longestMs: number
  /** Greatest share of the time that is left for the call; 1 if the limit does not depend on it. */
  readonly share: number
}

const defaultBaseUrl = 'https://api.minimax.chat'
const defaultModel = 'minimax-m2.1'
const defaultRetries = 2
/**
 * Long thinking takes minutes. A stream shows that the model is working, so it gets more time, and silence in it is a sign
 * of a lost connection. The shares leave time for a retry and for the answer after it.
 */
const defaultTimeouts = {
  whole: {
    callTimeout: { longestMs: 300_000, share: 1 / 2 },
    idleTimeout: { longestMs: Number.POSITIVE_INFINITY, share: 1 },
  },
  stream: {
    callTimeout: { longestMs: 600_000, share: 2 / 3 },
    idleTimeout: { longestMs: 120_000, share: 1 / 3 },
  },
} as const
const defaultMaxResponseBytes = 16_777_216

/**
 * Checks the options and fills in the environment and the defaults.
 *
 * @throws {ModelError} `configuration`. The message names the option or variable, and never contains a secret.
 */
export function configure(options: MinimaxOptions): Configuration {
  checkOptions('minimax()', options, checks)
  const { env = process.env, stream = false, protocol, retries = defaultRetries } = options
  const timeouts = stream ? defaultTimeouts.stream : defaultTimeouts.whole
  const { callTimeoutMs, idleTimeoutMs } = options
  const url = endpointOf(options.url, env)
  return {
    url,
    token: tokenOf(options.token, env, url),
    model: wireModel(options.model ?? env['MINIMAX_MODEL'] ?? '', url.hostname),
    stream,
    protocol,
    settings: requestSettings(options),
    retries,
    callTimeout: callTimeoutMs === undefined ? timeouts.callTimeout : { longestMs: callTimeoutMs, share: 1 },
    idleTimeout: idleTimeoutMs === undefined ? timeouts.idleTimeout : { longestMs: idleTimeoutMs, share: 1 },
    maxResponseBytes: options.maxResponseBytes ?? defaultMaxResponseBytes,
    env,
  }
}

/** The variable that contains the whole endpoint instead of a base URL. */
const endpointVariable = 'MINIMAX_CHAT_COMPLETIONS_URL'

/** The environment variables that set the address. The first one that is set counts. */
export const addressVariables = [endpointVariable, 'ANTHROPIC_BASE_URL', 'MINIMAX_BASE_URL'] as const

function endpointOf(option: string | undefined, env: Configuration['env']): URL {
  const sources: readonly (readonly [address: string | undefined, source: UrlSource])[] = [
    [option, { name: 'The option "url"' }],
    ...addressVariables.map((name) => [env[name], { name, isEndpoint: name === endpointVariable }] as const),
  ]
  for (const [address, source] of sources) {
    if (address !== undefined && address.trim() !== '') return chatCompletionsUrl(address, source)
  }
  return chatCompletionsUrl(defaultBaseUrl, { name: 'The default' })
}

function tokenOf(option: string | undefined, env: Configuration['env'], { hostname }: URL): string {
  const token = (option ?? env['ANTHROPIC_AUTH_TOKEN'] ?? '').trim()
  // A server on this machine usually has no keys, and the mock server takes any.
  if (token === '' && isLoopback(hostname)) return token
  if (token === '') {
    throw misconfigured('No token: set ANTHROPIC_AUTH_TOKEN to your MiniMax API key, or pass the option "token".')
  }
  if (/[^\x21-\x7e]/.test(token)) {
    const source = option === undefined ? 'The token in ANTHROPIC_AUTH_TOKEN' : 'The option "token"'
    throw misconfigured(`${source} contains characters that are not allowed in an HTTP header. Copy the key again.`)
  }
  return token
}

/** MiniMax's own hosts, as opposed to gateways that offer its models among others. */
const ownHost = /(?:^|\.)minimaxi?\.(?:io|chat|cn|com)$/

/**
 * The name of the model as the server knows it: without the suffix `[1m]` of Claude Code and, on MiniMax's own hosts,
 * without the vendor prefix of a gateway. Gateways need their prefix.
 */
function wireModel(name: string, hostname: string): string {
  const bare = name.trim().replace(/\s*\[1m\]$/i, '')
  const own = ownHost.test(hostname) ? bare.replace(/^minimax(?:-portal|ai)?\//i, '') : bare
  return own === '' ? defaultModel : own
}

const checks: Readonly<Record<keyof MinimaxOptions, Check>> = {
  url: ofType('string', 'a string'),
  token: ofType('string', 'a string'),
  model: (name, value) => {
    if (typeof value === 'string' && value.trim() !== '') return
    throw wrongValue(name, value, 'a name, such as "MiniMax-M2.5"')
  },
  stream: ofType('boolean', 'true or false'),
  protocol: (name, value) => {
    if (value === 'native' || value === 'json') return
    throw wrongValue(name, value, '"native" or "json"')
  },
  ...requestChecks,
  retries: wholeNumber(0),
  callTimeoutMs: wholeNumber(1),
  idleTimeoutMs: wholeNumber(1),
  maxResponseBytes: wholeNumber(1),
  env: ofType('object', 'an object like process.env'),
}
