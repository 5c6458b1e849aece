/**
 * `tsx tests/support/ensure-temporal.ts [--install]` prints which Temporal server the tests use. If none is found,
 * `--install` downloads or builds one into the cache. Without a server the exit code is 1, and the reason is printed.
 */
import { findTemporal, howToGetTemporal } from './temporal-server.ts'

const install = process.argv.includes('--install')

try {
  const source = install ? await (await import('./install-temporal.ts')).findOrInstallTemporal() : await findTemporal()
  if (source === undefined) throw new Error(howToGetTemporal)
  console.log(`Temporal server: ${source.kind === 'address' ? source.address : source.path} (${source.from})`)
  // A refused download of the SDK can still be waiting for its network timeout.
  process.exit(0)
} catch (error) {
  console.error(`No Temporal server: ${error instanceof Error ? error.message : error}`)
  process.exit(1)
}
