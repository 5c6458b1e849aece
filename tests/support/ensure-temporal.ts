/**
 * `tsx tests/support/ensure-temporal.ts [--install]`: says in one line where the Temporal server for the tests is found. With
 * `--install` it fetches or builds one into the cache where none is found. Exit code 1 with the reason if there is none.
 */
import { findTemporal, howToGetTemporal } from './temporal-server.ts'

const install = process.argv.includes('--install')

try {
  const source = install ? await (await import('./install-temporal.ts')).findOrInstallTemporal() : await findTemporal()
  if (source === undefined) throw new Error(howToGetTemporal)
  console.log(`Temporal server: ${source.kind === 'address' ? source.address : source.path} (${source.from})`)
  // A refused SDK download may still be waiting for its network timeout.
  process.exit(0)
} catch (error) {
  console.error(`No Temporal server: ${error instanceof Error ? error.message : error}`)
  process.exit(1)
}
