import { TenroundsError } from '../router/errors.ts'

/** Optional peer dependencies of this package that its Temporal entries need. */
const temporalPackages = ['activity', 'client', 'common', 'envconfig', 'worker', 'workflow'].map(
  (name) => `@temporalio/${name}`,
)

/** A package of Temporal is not installed. Its code is `missing_package`; the message has the `npm install` command. */
export class MissingPackageError extends TenroundsError {
  override readonly name = 'MissingPackageError' as const

  /** @param packageName the package that was not found, for example `@temporalio/worker`. */
  constructor(packageName: string) {
    super('missing_package', `${packageName} is not installed. Run: npm install ${temporalPackages.join(' ')}`)
  }
}

/**
 * Imports a module that needs Temporal's packages. They are optional, and a static import of a missing one would fail
 * before any code here could explain it. So `tenrounds/worker` imports them when one of its functions is called.
 *
 * ```ts
 * const { Worker } = await withTemporal(() => import('@temporalio/worker'))
 * ```
 *
 * @throws {MissingPackageError} if one of the packages is not installed.
 */
export async function withTemporal<Module>(load: () => Promise<Module>): Promise<Module> {
  try {
    return await load()
  } catch (error) {
    const missing = missingPackage(error)
    throw missing === undefined ? error : new MissingPackageError(missing)
  }
}

/** The name is only in Node's message; its error has no field for it. */
function missingPackage(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') return undefined
  const name = /Cannot find package '([^']+)'/.exec(error.message)?.[1]
  return temporalPackages.find((known) => known === name)
}
