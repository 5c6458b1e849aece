import { UsageError } from './exit-code.ts'

/** What the commands that talk to Temporal need, beyond the dependencies of this package. */
const temporalPackages = ['activity', 'client', 'common', 'envconfig', 'worker', 'workflow'].map(
  (name) => `@temporalio/${name}`,
)

/**
 * Loads the part of the program that needs Temporal's packages, which are optional.
 *
 * @throws {UsageError} that names the missing package and the command that installs all of them.
 */
export async function loadTemporal<T>(command: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    const missing = missingPackage(error)
    if (missing === undefined) throw error
    throw new UsageError(
      `"tenrounds ${command}" needs ${missing}, which is not installed: npm install ${temporalPackages.join(' ')}`,
    )
  }
}

/** Out of Node's message: its error has no field for it. */
function missingPackage(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') return undefined
  const name = /Cannot find package '([^']+)'/.exec(error.message)?.[1]
  return temporalPackages.find((known) => known === name)
}
