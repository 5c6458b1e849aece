import { incidentResponder } from '../incident/responder/incident-responder.ts'
import { isModelError } from '../loop/errors.ts'
import type { MinimaxOptions } from '../minimax/configuration.ts'
import { isLoopback } from '../minimax/endpoint.ts'
import { type MinimaxModel, minimax } from '../minimax/minimax.ts'
import { startMockServer } from '../testing/index.ts'
import { UsageError } from './exit-code.ts'

export interface Endpoint {
  readonly model: MinimaxModel
  /** What every reader has to know; undefined where MiniMax, or another server that is not here, answers. */
  readonly notice: string | undefined
  close(): Promise<void>
}

const mockServerNotice =
  'No model was involved: the local mock server answered by fixed rules. Set ANTHROPIC_AUTH_TOKEN to use MiniMax.'

/** What says where MiniMax is, and nothing of who asks. */
const addresses = ['MINIMAX_CHAT_COMPLETIONS_URL', 'ANTHROPIC_BASE_URL', 'MINIMAX_BASE_URL']

/**
 * MiniMax where a token is set, else the mock server behind the same client: only the URL differs.
 *
 * @throws {UsageError} where a real model is wanted and there is no token, or an address and no token, or the environment configures none.
 */
export async function openEndpoint(
  live: boolean,
  env: NodeJS.ProcessEnv,
  options: Pick<MinimaxOptions, 'retries'> = {},
): Promise<Endpoint> {
  const hasToken = (env['ANTHROPIC_AUTH_TOKEN'] ?? '').trim() !== ''
  if (live && !hasToken) throw new UsageError('--live needs a token: set ANTHROPIC_AUTH_TOKEN to your MiniMax API key.')
  if (hasToken) {
    const model = configured(() => minimax({ ...options, env }))
    const { host, hostname } = new URL(model.url)
    const notice = isLoopback(hostname)
      ? `The model endpoint ${host} is on this machine: a mock server, or a server of your own, and not MiniMax's API.`
      : undefined
    return { model, notice, close: () => model.close() }
  }
  const address = addresses.find((name) => (env[name] ?? '').trim() !== '')
  if (address !== undefined) {
    throw new UsageError(
      `${address} is set, but no token: set ANTHROPIC_AUTH_TOKEN, or unset ${address} to use the mock server.`,
    )
  }
  const mockServer = await startMockServer({ responder: incidentResponder() })
  const model = minimax({ ...options, url: mockServer.url, token: 'mock-server', env: {} })
  return {
    // Named for what it is: nothing in a report may look like a model's answer.
    model: { ...model, name: 'mock-server', provider: 'tenrounds.mock_server' },
    notice: mockServerNotice,
    close: async () => {
      await model.close()
      await mockServer.close()
    },
  }
}

function configured<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (isModelError(error) && error.code === 'configuration') throw new UsageError(error.message)
    throw error
  }
}
