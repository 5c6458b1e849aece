/**
 * The choice between MiniMax and the mock server:
 *
 * | token | address  | `--live` | endpoint |
 * |-------|----------|----------|----------|
 * | set   | any      | any      | MiniMax, or the server at the address |
 * | -     | loopback | any      | the server at the address, which needs no token |
 * | -     | -        | no       | the mock server |
 * | -     | other    | any      | none: wrong usage, a token is missing |
 * | -     | -        | yes      | none: wrong usage, a token is missing |
 */
import { incidentResponder } from '../incident/responder/incident-responder.ts'
import { isModelError } from '../loop/errors.ts'
import { isLoopback } from '../minimax/endpoint.ts'
import { type MinimaxModel, minimax } from '../minimax/minimax.ts'
import { addressVariables } from '../minimax/options.ts'
import { startMockServer } from '../testing/index.ts'
import { UsageError } from './command-io.ts'

/** The model that a command uses: MiniMax, or the mock server when no token is set. */
export interface Endpoint {
  /** The client of the endpoint. */
  readonly model: MinimaxModel
  /** Advice about the warning, for the terminal only; `undefined` without any. */
  readonly advice?: string
  /** Warning for the terminal and the report; `undefined` if the endpoint is on another machine, as MiniMax is. */
  readonly notice: string | undefined
  /** Closes the client, and the mock server if there is one. */
  close(): Promise<void>
}

const mockServerNotice = 'No model was used: the mock server answered by fixed rules.'
const mockServerAdvice = 'Set ANTHROPIC_AUTH_TOKEN to use MiniMax.'

/** The warning and the advice of an endpoint in one text for the terminal; `undefined` without a warning. */
export function terminalNotice({ notice, advice }: Pick<Endpoint, 'notice' | 'advice'>): string | undefined {
  return notice === undefined || advice === undefined ? notice : `${notice} ${advice}`
}

/**
 * Opens MiniMax if a token is set or none is needed, otherwise a local mock server. Both use the same client; only the URL
 * differs.
 *
 * @param live refuse the mock server.
 * @param stream whether text is shown while it arrives.
 * @throws {UsageError} if `live` is set without a token, if an address is set without a token, or if the environment
 * configures the client wrongly.
 */
export async function openEndpoint(live: boolean, env: NodeJS.ProcessEnv, stream = false): Promise<Endpoint> {
  const isSet = (name: string) => (env[name] ?? '').trim() !== ''
  const address = addressVariables.find(isSet)
  const isLocal = address !== undefined && isOnLoopback(env[address] ?? '')
  if (isSet('ANTHROPIC_AUTH_TOKEN') || isLocal) return openMinimax(env, stream)
  if (live) throw new UsageError('--live needs a token: set ANTHROPIC_AUTH_TOKEN to your MiniMax API key.')
  if (address !== undefined) {
    throw new UsageError(
      `${address} is set, but no token: set ANTHROPIC_AUTH_TOKEN, or unset ${address} to use the mock server.`,
    )
  }
  return openMockServer(stream)
}

function isOnLoopback(address: string): boolean {
  return URL.canParse(address.trim()) && isLoopback(new URL(address.trim()).hostname)
}

/** A loopback address gets a notice, because its answers may not come from MiniMax. */
function openMinimax(env: NodeJS.ProcessEnv, stream: boolean): Endpoint {
  const model = configured(() => minimax({ env, stream }))
  const { host, hostname } = new URL(model.url)
  const notice = isLoopback(hostname)
    ? `The model endpoint ${host} is on this machine. It is a mock server or a server of your own, not MiniMax's API.`
    : undefined
  return { model, notice, close: () => model.close() }
}

/** Starts the mock server in this process, on a free port. */
async function openMockServer(stream: boolean): Promise<Endpoint> {
  const mockServer = await startMockServer({ responder: incidentResponder() })
  const model = minimax({ url: mockServer.url, token: 'mock-server', env: {}, stream })
  return {
    // Its own name and provider, so that no report shows fixed rules as a model's answer.
    model: named(model),
    notice: mockServerNotice,
    advice: mockServerAdvice,
    close: async () => {
      await model.close()
      await mockServer.close()
    },
  }
}

function named(model: MinimaxModel): MinimaxModel {
  const name = { name: 'mock-server', provider: 'tenrounds.mock_server' }
  return { ...model, ...name, with: (options) => named(model.with(options)) }
}

/** A wrong configuration is wrong usage here: the message already names the variable. */
function configured<T>(create: () => T): T {
  try {
    return create()
  } catch (error) {
    if (isModelError(error) && error.code === 'configuration') throw new UsageError(error.message)
    throw error
  }
}
