import { ModelError } from '../loop/model-error.ts'
import { chatCompletionsUrl } from './endpoint.ts'

export interface MinimaxOptions {
  /** Base URL or whole endpoint. @defaultValue `MINIMAX_CHAT_COMPLETIONS_URL` › `ANTHROPIC_BASE_URL` › `MINIMAX_BASE_URL` › https://api.minimax.chat */
  readonly url?: string
  /** Bearer token. @defaultValue `ANTHROPIC_AUTH_TOKEN` */
  readonly token?: string
  /** @defaultValue `MINIMAX_MODEL`, else `minimax-m2.1` */
  readonly model?: string
  /** Longest completion that is asked for, in tokens. @defaultValue the server's */
  readonly maxOutputTokens?: number
  /** How often a failed call is sent again, where that can help. @defaultValue 2 */
  readonly retries?: number
  /** Largest response that is read, in bytes. @defaultValue 16777216 */
  readonly maxResponseBytes?: number
  /** @defaultValue process.env */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface Configuration {
  readonly url: URL
  readonly token: string
  readonly model: string
}

export const defaultBaseUrl = 'https://api.minimax.chat'
export const defaultModel = 'minimax-m2.1'

/** @throws {ModelError} `configuration` that names the variable to set, never its value. */
export function configure(options: MinimaxOptions): Configuration {
  const env = options.env ?? process.env
  const [source, address] = [
    ['the option "url"', options.url],
    ['MINIMAX_CHAT_COMPLETIONS_URL', env['MINIMAX_CHAT_COMPLETIONS_URL']],
    ['ANTHROPIC_BASE_URL', env['ANTHROPIC_BASE_URL']],
    ['MINIMAX_BASE_URL', env['MINIMAX_BASE_URL']],
    ['the default', defaultBaseUrl],
  ].find(([, value]) => value !== undefined && value.trim() !== '') as [string, string]
  const token = (options.token ?? env['ANTHROPIC_AUTH_TOKEN'] ?? '').trim()
  if (token === '') {
    throw misconfigured('No token: set ANTHROPIC_AUTH_TOKEN to your MiniMax API key, or give the option "token".')
  }
  if (/[^\x21-\x7e]/.test(token)) {
    throw misconfigured(
      'The token in ANTHROPIC_AUTH_TOKEN holds characters that no HTTP header can carry; copy the key again.',
    )
  }
  return {
    url: chatCompletionsUrl(address, source),
    token,
    model: wireModel(options.model ?? env['MINIMAX_MODEL'] ?? ''),
  }
}

/** The name as the server knows it: without Claude Code's `[1m]` and without a gateway's vendor prefix. */
function wireModel(name: string): string {
  const bare = name
    .trim()
    .replace(/\[1m\]$/i, '')
    .replace(/^minimax(?:-portal)?\//i, '')
  return bare === '' ? defaultModel : bare
}

export function misconfigured(message: string): ModelError {
  return new ModelError(message, { kind: 'configuration', retryable: false })
}
