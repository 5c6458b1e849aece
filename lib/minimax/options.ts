import { suggestName } from '../../router/text/closest.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import { chatCompletionsUrl, misconfigured, type UrlSource } from './endpoint.ts'

/**
 * The way in which tools are sent. `native`: in the wire's `tools` field, and calls come back in `tool_calls`. `json`: tools are
 * described in the system message, and the model calls them by writing JSON in its text.
 */
export type Protocol = 'native' | 'json'

/** Options of `minimax()`. An option that is `undefined` counts as not given. */
export interface MinimaxOptions {
  /**
   * Base URL or whole endpoint. https, or http to loopback, because the token is sent along.
   *
   * @defaultValue `MINIMAX_CHAT_COMPLETIONS_URL` › `ANTHROPIC_BASE_URL` › `MINIMAX_BASE_URL` › https://api.minimax.chat
   */
  readonly url?: string | undefined
  /** Bearer token. @defaultValue `ANTHROPIC_AUTH_TOKEN` */
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
  /** Maximum length of a completion, in tokens. At least 1. @defaultValue the server's maximum */
  readonly maxOutputTokens?: number | undefined
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
  /** Bearer token. */
  readonly token: string
  /** Name of the model as the endpoint knows it. */
  readonly model: string
  /** Whether server-sent events are requested. */
  readonly stream: boolean
  /** `undefined`: native until the endpoint refuses `tools`. */
  readonly protocol: Protocol | undefined
  /** Maximum length of a completion, in tokens; `undefined` for the server's maximum. */
  readonly maxOutputTokens: number | undefined
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
  checkOptions(options)
  const { env = process.env, stream = false, protocol, maxOutputTokens, retries = defaultRetries } = options
  const timeouts = stream ? defaultTimeouts.stream : defaultTimeouts.whole
  const { callTimeoutMs, idleTimeoutMs } = options
  const url = endpointOf(options.url, env)
  return {
    url,
    token: tokenOf(options.token ?? env['ANTHROPIC_AUTH_TOKEN'] ?? ''),
    model: wireModel(options.model ?? env['MINIMAX_MODEL'] ?? '', url.hostname),
    stream,
    protocol,
    maxOutputTokens,
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
    [option, { name: 'the option "url"' }],
    ...addressVariables.map((name) => [env[name], { name, isEndpoint: name === endpointVariable }] as const),
  ]
  for (const [address, source] of sources) {
    if (address !== undefined && address.trim() !== '') return chatCompletionsUrl(address, source)
  }
  return chatCompletionsUrl(defaultBaseUrl, { name: 'the default' })
}

function tokenOf(value: string): string {
  const token = value.trim()
  if (token === '') {
    throw misconfigured('No token: set ANTHROPIC_AUTH_TOKEN to your MiniMax API key, or pass the option "token".')
  }
  if (/[^\x21-\x7e]/.test(token)) {
    throw misconfigured(
      'The token in ANTHROPIC_AUTH_TOKEN contains characters that are not allowed in an HTTP header. Copy the key again.',
    )
  }
  return token
}

/** MiniMax's own hosts, as opposed to gateways that offer its models among others. */
const ownHost = /(?:^|\.)minimaxi?\.(?:io|chat|cn|com)$/

/**
 * The name of the model as the server knows it: without the suffix `[1m]` of Claude Code and, on MiniMax's own hosts,
 * without the vendor prefix of a gateway. Gateways need their prefix.
 */
export function wireModel(name: string, hostname: string): string {
  const bare = name.trim().replace(/\s*\[1m\]$/i, '')
  const own = ownHost.test(hostname) ? bare.replace(/^minimax(?:-portal|ai)?\//i, '') : bare
  return own === '' ? defaultModel : own
}

type Check = (name: string, value: unknown) => void

const checks: Readonly<Record<keyof MinimaxOptions, Check>> = {
  url: ofType('string', 'a string'),
  token: ofType('string', 'a string'),
  model: (name, value) => {
    if (typeof value === 'string' && value.trim() !== '') return
    throw misconfigured(`The option "${name}" is ${given(name, value)}; it must be a name, such as "MiniMax-M2.5".`)
  },
  stream: ofType('boolean', 'true or false'),
  protocol: (name, value) => {
    if (value === 'native' || value === 'json') return
    throw misconfigured(`The option "${name}" is ${given(name, value)}; it must be "native" or "json".`)
  },
  maxOutputTokens: wholeNumber(1),
  retries: wholeNumber(0),
  callTimeoutMs: wholeNumber(1),
  idleTimeoutMs: wholeNumber(1),
  maxResponseBytes: wholeNumber(1),
  env: ofType('object', 'an object like process.env'),
}

const checkOf: ReadonlyMap<string, Check> = new Map(Object.entries(checks))

function checkOptions(options: MinimaxOptions): void {
  if (typeof options !== 'object' || options === null) {
    const given = options === null ? 'null' : `a ${typeof options}`
    throw misconfigured(`minimax() was called with ${given}; it takes an object of options.`)
  }
  for (const [name, value] of Object.entries(options)) {
    const check = checkOf.get(name)
    if (check === undefined) {
      const hint = suggestName(name, [...checkOf.keys()], 'Its options are')
      throw misconfigured(`minimax() has no option "${name}". ${hint}`)
    }
    if (value !== undefined) check(name, value)
  }
}

/** A wrong value for a message. A long string or a member may be a token in the wrong option, so it is not shown. */
function given(name: string, value: unknown): string {
  if (name === 'token') return `of type ${Array.isArray(value) ? 'array' : typeof value}`
  if (typeof value === 'string' && value.length > longestShown) return `a string of ${value.length} characters`
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return describeOption(value)
}

/** Shorter than any token. */
const longestShown = 16

function ofType(type: 'string' | 'boolean' | 'function' | 'object', expected: string): Check {
  return (name, value) => {
    const fits = typeof value === type && value !== null && !Array.isArray(value)
    if (!fits) throw misconfigured(`The option "${name}" is ${given(name, value)}; it must be ${expected}.`)
  }
}

function wholeNumber(min: number): Check {
  return (name, value) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min) return
    throw misconfigured(`The option "${name}" is ${given(name, value)}; it must be a whole number of at least ${min}.`)
  }
}
