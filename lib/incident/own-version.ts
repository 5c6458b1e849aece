import { createRequire } from 'node:module'

/** Version of this package. It finds its own manifest by its name, in the repository as well as in the built package. */
export function ownVersion(): string {
  const { version }: { readonly version: string } = createRequire(import.meta.url)('tenrounds/package.json')
  return version
}
