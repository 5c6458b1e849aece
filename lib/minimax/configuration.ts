import { misconfigured } from './configuration-error.ts'
import { chatCompletionsUrl } from './endpoint.ts'

/** `native`: the wire's `tools` and `tool_calls`. `json`: tools are described in the text and called by JSON in it. */
export type Protocol = 'native' | 'json'

export interface MinimaxOptions {
  /** Base URL or whole endpoint. @defaultValue `MINIMAX_CHAT_COMPLETIONS_URL` › `ANTHROPIC_BASE_URL` › `MINIMAX_BASE_URL` › https://api.minimax.chat */
  readonly url?: string
  /** Bearer token. @defaultValue `ANTHROPIC_AUTH_TOKEN` */
  readonly token?: string
  /** @defaultValue `MINIMAX_MODEL`, else `minimax-m2.1` */
  readonly model?: string
  /** Ask for server-sent events. The reply is the same; its text can be shown as it comes. @defaultValue false */
  readonly stream?: boolean
  /** @defaultValue `native`, and `json` from the moment at which the endpoint refuses `tools` */
  readonly protocol?: Protocol
  /**
   * Gets the visible text of a reply, without thinking: piece by piece with `stream`, else at once. A call that is sent
   * again begins its text anew. What it throws is dropped.
   */
  readonly onText?: (text: string) => void
  /** Longest completion that is asked for, in tokens. @defaultValue the server's */
  readonly maxOutputTokens?: number
  /** How often a failed call is sent again, where that can help. @defaultValue 2 */
  readonly retries?: number
  /** Largest response that is read, in bytes. @defaultValue 16777216 */
  readonly maxResponseBytes?: number
  /** Proxies are taken from here, too: `HTTPS_PROXY` (else `HTTP_PROXY`) and `NO_PROXY`. @defaultValue process.env */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface Configuration {
  readonly url: URL
  readonly token: string
  readonly model: string
  readonly stream: boolean
  /** `undefined`: native as long as the endpoint takes it. */
  readonly protocol: Protocol | undefined
  readonly maxOutputTokens: number | undefined
  readonly retries: number
  readonly maxResponseBytes: number
  readonly env: Readonly<Record<string, string | undefined>>
}

export const defaultBaseUrl = 'https://api.minimax.chat'
export const defaultModel = 'minimax-m2.1'

/** @throws {ModelError} `configuration` that names the variable or option to set, never a secret value. */
export function configure(options: MinimaxOptions): Configuration {
  const env = options.env ?? process.env
  const [source, address] = [
    ['the option "url"', options.url],
    ['MINIMAX_CHAT_COMPLETIONS_URL', env['MINIMAX_CHAT_COMPLETIONS_URL']],
    ['ANTHROPIC_BASE_URL', env['ANTHROPIC_BASE_URL']],
    ['MINIMAX_BASE_URL', env['MINIMAX_BASE_URL']],
    ['the default', defaultBaseUrl],
  ].find(([, value]) => value !== undefined && value.trim() !== '') as [string, string]
  return {
    url: chatCompletionsUrl(address, source),
    token: tokenOf(options.token ?? env['ANTHROPIC_AUTH_TOKEN'] ?? ''),
    model: wireModel(options.model ?? env['MINIMAX_MODEL'] ?? ''),
    stream: options.stream ?? false,
    protocol: protocolOf(options.protocol),
    maxOutputTokens: options.maxOutputTokens === undefined ? undefined : wholeNumber(options, 'maxOutputTokens', 1),
    retries: wholeNumber({ retries: 2, ...options }, 'retries', 0),
    maxResponseBytes: wholeNumber({ maxResponseBytes: 16_777_216, ...options }, 'maxResponseBytes', 1),
    env,
  }
}

function tokenOf(value: string): string {
  const token = value.trim()
  if (token === '') {
    throw misconfigured('No token: set ANTHROPIC_AUTH_TOKEN to your MiniMax API key, or give the option "token".')
  }
  if (/[^\x21-\x7e]/.test(token)) {
    throw misconfigured(
      'The token in ANTHROPIC_AUTH_TOKEN holds characters that no HTTP header can carry; copy the key again.',
    )
  }
  return token
}

/** The name as the server knows it: without Claude Code's `[1m]` and without a gateway's vendor prefix. */
function wireModel(name: string): string {
  const bare = name
    .trim()
    .replace(/\[1m\]$/i, '')
    .replace(/^minimax(?:-portal)?\//i, '')
  return bare === '' ? defaultModel : bare
}

function protocolOf(value: unknown): Protocol | undefined {
  if (value === undefined || value === 'native' || value === 'json') return value
  throw misconfigured(`The option "protocol" is ${JSON.stringify(value)}; it has to be "native" or "json".`)
}

function wholeNumber<Name extends keyof MinimaxOptions>(
  options: Readonly<Partial<Record<Name, unknown>>>,
  name: Name,
  least: number,
): number {
  const value = options[name]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value
  throw misconfigured(`The option "${name}" is ${String(value)}; it has to be a whole number, ${least} or more.`)
}
