/** Where the Temporal server is and what to ask it for. */
export interface TemporalSettings {
  /** `host:port`. */
  readonly address: string
  readonly namespace: string
  readonly taskQueue: string
}

/** `TEMPORAL_ADDRESS` (default `127.0.0.1:7233`), `TEMPORAL_NAMESPACE` (`default`), `TEMPORAL_TASK_QUEUE` (`tenrounds`). */
export function temporalSettings(env: NodeJS.ProcessEnv = process.env): TemporalSettings {
  return {
    address: env['TEMPORAL_ADDRESS'] || '127.0.0.1:7233',
    namespace: env['TEMPORAL_NAMESPACE'] || 'default',
    taskQueue: env['TEMPORAL_TASK_QUEUE'] || 'tenrounds',
  }
}

/** @throws {Error} that names the address and the variable to set. */
export async function connectTo<T>(address: string, connect: (options: { address: string }) => Promise<T>): Promise<T> {
  try {
    return await connect({ address })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(
      `No Temporal server at ${address} (${reason}). Start one with "temporal server start-dev", or set TEMPORAL_ADDRESS.`,
    )
  }
}
