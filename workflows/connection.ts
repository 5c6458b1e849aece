import { loadClientConnectConfig } from '@temporalio/envconfig'
import type { NativeConnectionOptions } from '@temporalio/worker'
import { errorMessage } from '../router/errors.ts'

/** Where the Temporal server is, how to get in, and what to ask it for. */
export interface TemporalSettings {
  /** Address, TLS, API key and headers, as both kinds of connection take them. */
  readonly connection: Pick<NativeConnectionOptions, 'tls' | 'apiKey' | 'metadata'> & { readonly address: string }
  readonly namespace: string
  readonly taskQueue: string
}

/** What a caller may say in place of the environment. */
export interface TemporalOverrides {
  readonly address?: string
  readonly namespace?: string
  readonly taskQueue?: string
}

/** The connection or the namespace is wrong: nothing was run. The message names the address and the variable to set. */
export class TemporalConnectionError extends Error {
  override readonly name = 'TemporalConnectionError' as const
}

/**
 * Temporal's own client configuration: `TEMPORAL_ADDRESS` (default `127.0.0.1:7233`), `TEMPORAL_NAMESPACE` (`default`), `TEMPORAL_API_KEY`,
 * `TEMPORAL_TLS_*`, and a profile of `temporal.toml` (`TEMPORAL_PROFILE`, `TEMPORAL_CONFIG_FILE`); and `TEMPORAL_TASK_QUEUE` (`tenrounds`).
 * A variable that is empty counts as not set.
 *
 * @throws {TemporalConnectionError} where the configuration file or the profile cannot be read.
 */
export function temporalSettings(
  overrides: TemporalOverrides = {},
  env: NodeJS.ProcessEnv = process.env,
): TemporalSettings {
  const overrideEnvVars = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value]])),
  )
  const { connectionOptions, namespace } = load(overrideEnvVars)
  const { tls, apiKey, metadata, address } = connectionOptions
  return {
    connection: {
      address: overrides.address ?? address ?? '127.0.0.1:7233',
      ...(tls !== undefined && { tls }),
      ...(apiKey !== undefined && { apiKey }),
      ...(metadata !== undefined && { metadata }),
    },
    namespace: overrides.namespace ?? namespace ?? 'default',
    taskQueue: overrides.taskQueue ?? overrideEnvVars['TEMPORAL_TASK_QUEUE'] ?? 'tenrounds',
  }
}

function load(overrideEnvVars: Record<string, string>) {
  try {
    return loadClientConnectConfig({ overrideEnvVars })
  } catch (error) {
    throw new TemporalConnectionError(
      `Temporal's client configuration cannot be read: ${messageOf(error)}. See TEMPORAL_CONFIG_FILE and TEMPORAL_PROFILE.`,
    )
  }
}

/** @throws {TemporalConnectionError} where no server answers. */
export async function connectTo<T>(
  connection: TemporalSettings['connection'],
  connect: (options: TemporalSettings['connection']) => Promise<T>,
): Promise<T> {
  try {
    return await connect(connection)
  } catch (error) {
    throw new TemporalConnectionError(
      `No Temporal server at ${connection.address} (${messageOf(error)}). Start one with "npm run temporal" or "temporal server start-dev", or set TEMPORAL_ADDRESS.`,
    )
  }
}

interface NamespaceService {
  describeNamespace(request: { readonly namespace: string }): Promise<unknown>
}

/** @throws {TemporalConnectionError} where the server has no such namespace, or does not let us in. */
export async function checkNamespace(
  service: NamespaceService,
  { namespace, connection: { address } }: TemporalSettings,
): Promise<void> {
  try {
    await service.describeNamespace({ namespace })
  } catch (error) {
    throw new TemporalConnectionError(
      `The Temporal server at ${address} does not open the namespace "${namespace}" (${messageOf(error)}). Set TEMPORAL_NAMESPACE, and TEMPORAL_API_KEY or TEMPORAL_TLS_* where the server asks for them.`,
    )
  }
}

/** One line: gRPC's errors say the same in `details`, without the numbers; those of the native client end in the system's own words. */
function messageOf(error: unknown): string {
  const details = error instanceof Error && 'details' in error ? error.details : undefined
  if (typeof details === 'string' && details !== '') return firstLine(details)
  const message = errorMessage(error)
  return firstLine(/message: "([^"]+)"/.exec(message)?.[1] ?? message)
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.replace(/\.$/, '') ?? ''
}
