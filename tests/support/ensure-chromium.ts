/**
 * `tsx tests/support/ensure-chromium.ts [--install]` prints which Chromium the tests of the HTML report use. If none is
 * found, `--install` installs one. Without one the exit code is 1, and the reason is printed.
 */
import { findChromium, findOrInstallChromium, howToGetChromium } from './chromium.ts'

try {
  const found = process.argv.includes('--install') ? await findOrInstallChromium() : await findChromium()
  if (found === undefined) throw new Error(howToGetChromium)
  console.log(`Chromium: ${found.path ?? 'headless shell'} (${found.from})`)
} catch (error) {
  console.error(`No Chromium: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
