/**
 * `tsx tests/support/ensure-temporal.ts [--install]`: says in one line where the Temporal server for the tests is found. With
 * `--install` it fetches or builds one into the cache where none is found. Exit code 1 with the reason if there is none.
 */
import { findTemporal, howToGetTemporal } from './temporal-server.ts'

const install = process.argv.includes('--install')

try {
  let source = await findTemporal()
  let how = source?.from
  if (source === undefined && install) {
    console.log('No Temporal server here; installing one into the cache. Building it takes some minutes, once.')
    const { installTemporal } = await import('./install-temporal.ts')
    how = await installTemporal()
    source = await findTemporal()
  }
  if (source === undefined) throw new Error(howToGetTemporal)
  console.log(`Temporal server: ${source.kind === 'address' ? source.address : source.path} (${how})`)
  // A refused SDK download may still be waiting for its network timeout.
  process.exit(0)
} catch (error) {
  console.error(`No Temporal server: ${error instanceof Error ? error.message : error}`)
  process.exit(1)
}
