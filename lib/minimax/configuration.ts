import { type AddressSource, chatCompletionsUrl, misconfigured } from './endpoint.ts'
import { checkOptions, type MinimaxOptions, type Protocol } from './options.ts'

export type { MinimaxOptions, Protocol } from './options.ts'

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

const defaultBaseUrl = 'https://api.minimax.chat'

/** @throws {ModelError} `configuration` that names the variable or option to set, never a secret value. */
export function configure(options: MinimaxOptions): Configuration {
  checkOptions(options)
  const { env = process.env, stream = false, protocol, maxOutputTokens, retries = 2 } = options
  const url = endpointOf(options.url, env)
  return {
    url,
    token: tokenOf(options.token ?? env['ANTHROPIC_AUTH_TOKEN'] ?? ''),
    model: wireModel(options.model ?? env['MINIMAX_MODEL'] ?? '', url.hostname),
    stream,
    protocol,
    maxOutputTokens,
    retries,
    maxResponseBytes: options.maxResponseBytes ?? 16_777_216,
    env,
  }
}

function endpointOf(option: string | undefined, env: Configuration['env']): URL {
  const sources: readonly (AddressSource & { readonly address: string | undefined })[] = [
    { name: 'the option "url"', address: option },
    ...['MINIMAX_CHAT_COMPLETIONS_URL', 'ANTHROPIC_BASE_URL', 'MINIMAX_BASE_URL'].map((name) => ({
      name,
      address: env[name],
      isEndpoint: name === 'MINIMAX_CHAT_COMPLETIONS_URL',
    })),
  ]
  for (const { address, ...source } of sources) {
    if (address !== undefined && address.trim() !== '') return chatCompletionsUrl(address, source)
  }
  return chatCompletionsUrl(defaultBaseUrl, { name: 'the default' })
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

const defaultModel = 'minimax-m2.1'

/** MiniMax's own hosts, as opposed to gateways that have its models among others. */
const ownHost = /(?:^|\.)minimaxi?\.(?:io|chat|cn|com)$/

/**
 * The name as the server knows it: without the `[1m]` of Claude Code, and on MiniMax's own hosts without a gateway's
 * vendor prefix. A gateway needs its prefix.
 */
export function wireModel(name: string, hostname: string): string {
  const bare = name.trim().replace(/\s*\[1m\]$/i, '')
  const own = ownHost.test(hostname) ? bare.replace(/^minimax(?:-portal|ai)?\//i, '') : bare
  return own === '' ? defaultModel : own
}
