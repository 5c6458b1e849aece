import type { NativeConnectionOptions } from '@temporalio/worker'
import { errorMessage, TenroundsError } from '../router/errors.ts'
import { withTemporal } from './temporal-packages.ts'

/** Address of a Temporal server, credentials, namespace and task queue. */
export interface TemporalSettings {
  /** Address, TLS, API key and headers, in the form that clients and workers both accept. */
  readonly connection: Pick<NativeConnectionOptions, 'tls' | 'apiKey' | 'metadata'> & { readonly address: string }
  /** Temporal namespace. */
  readonly namespace: string
  /** Task queue that workers poll and clients start workflows on. */
  readonly taskQueue: string
}

/** Where to find Temporal. Each option takes precedence over the environment. */
export interface TemporalOptions {
  /** Host and port. @defaultValue `TEMPORAL_ADDRESS`, otherwise `127.0.0.1:7233` */
  readonly address?: string
  /** @defaultValue `TEMPORAL_NAMESPACE`, otherwise `default` */
  readonly namespace?: string
  /** @defaultValue `TEMPORAL_TASK_QUEUE`, otherwise `tenrounds` */
  readonly taskQueue?: string
  /** Environment variables to read. @defaultValue `process.env` */
  readonly env?: NodeJS.ProcessEnv
}

/**
 * Code of a {@link TemporalConnectionError}.
 *
 * - `temporal_configuration`: `temporal.toml` or the profile cannot be read.
 * - `temporal_unreachable`: no server answers at the address.
 * - `temporal_namespace`: the server has no such namespace, or refuses access to it.
 */
export type TemporalConnectionErrorCode = 'temporal_configuration' | 'temporal_unreachable' | 'temporal_namespace'

/** Temporal cannot be used as configured; nothing was started. The message names the address and the variable to set. */
export class TemporalConnectionError extends TenroundsError {
  override readonly name = 'TemporalConnectionError' as const
  /** Stable identifier of the problem. */
  declare readonly code: TemporalConnectionErrorCode

  /** @param code see {@link TemporalConnectionErrorCode}. */
  constructor(code: TemporalConnectionErrorCode, message: string) {
    super(code, message)
  }
}

/**
 * Reads Temporal's standard client configuration: `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`,
 * `TEMPORAL_TLS_*` and a profile of `temporal.toml` (`TEMPORAL_PROFILE`, `TEMPORAL_CONFIG_FILE`). The task queue is
 * `TEMPORAL_TASK_QUEUE`. An empty variable counts as not set.
 *
 * @throws {TemporalConnectionError} `temporal_configuration` if the file or the profile cannot be read.
 */
export async function temporalSettings(options: TemporalOptions = {}): Promise<TemporalSettings> {
  const { env = process.env } = options
  const variables = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value]])),
  )
  const { connectionOptions, namespace } = await loadConfiguration(variables)
  const { tls, apiKey, metadata, address } = connectionOptions
  return {
    connection: {
      address: options.address ?? address ?? '127.0.0.1:7233',
      ...(tls !== undefined && { tls }),
      ...(apiKey !== undefined && { apiKey }),
      ...(metadata !== undefined && { metadata }),
    },
    namespace: options.namespace ?? namespace ?? 'default',
    taskQueue: options.taskQueue ?? variables['TEMPORAL_TASK_QUEUE'] ?? 'tenrounds',
  }
}

async function loadConfiguration(overrideEnvVars: Record<string, string>) {
  const { loadClientConnectConfig } = await withTemporal(() => import('@temporalio/envconfig'))
  try {
    return loadClientConnectConfig({ overrideEnvVars })
  } catch (error) {
    throw new TemporalConnectionError(
      'temporal_configuration',
      `Temporal's client configuration cannot be read: ${shortMessage(error)}. Check TEMPORAL_CONFIG_FILE and TEMPORAL_PROFILE.`,
    )
  }
}

/**
 * Connects with the given function and explains a failure.
 *
 * @throws {TemporalConnectionError} `temporal_unreachable` if no server answers.
 */
export async function connectTo<T>(
  connection: TemporalSettings['connection'],
  connect: (options: TemporalSettings['connection']) => Promise<T>,
): Promise<T> {
  try {
    return await connect(connection)
  } catch (error) {
    throw new TemporalConnectionError(
      'temporal_unreachable',
      `No Temporal server at ${connection.address} (${shortMessage(error)}). Start one with "npm run temporal" or "temporal server start-dev", or set TEMPORAL_ADDRESS.`,
    )
  }
}

interface NamespaceService {
  describeNamespace(request: { readonly namespace: string }): Promise<unknown>
}

/**
 * Checks that the namespace exists and can be accessed. Connecting alone does not show it.
 *
 * @throws {TemporalConnectionError} `temporal_namespace` if not.
 */
export async function checkNamespace(
  service: NamespaceService,
  { namespace, connection: { address } }: TemporalSettings,
): Promise<void> {
  try {
    await service.describeNamespace({ namespace })
  } catch (error) {
    throw new TemporalConnectionError(
      'temporal_namespace',
      `Cannot use the namespace "${namespace}" of the Temporal server at ${address} (${shortMessage(error)}). Set TEMPORAL_NAMESPACE, and TEMPORAL_API_KEY or TEMPORAL_TLS_* if the server requires them.`,
    )
  }
}

/**
 * The part of an error that a person needs, on one line. gRPC errors repeat their message in `details`, without the
 * status number. The native client's errors contain the operating system's message in quotes.
 */
function shortMessage(error: unknown): string {
  const details = error instanceof Error && 'details' in error ? error.details : undefined
  if (typeof details === 'string' && details !== '') return firstLine(details)
  const message = errorMessage(error)
  return firstLine(/message: "([^"]+)"/.exec(message)?.[1] ?? message)
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.replace(/\.$/, '') ?? ''
}
