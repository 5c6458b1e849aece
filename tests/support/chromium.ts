import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A browser for the tests. */
export interface FoundChromium {
  /** Path of the program; undefined for the one of playwright-core, which knows its path. */
  readonly path: string | undefined
  /** Where it was found or installed, in words. */
  readonly from: string
}

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** A sentence for people whose machine has none. */
export const howToGetChromium =
  'Install Chromium, set CHROMIUM to its path, or run: npx tsx tests/support/ensure-chromium.ts --install'

/**
 * Finds Chromium by the variable CHROMIUM, on the PATH, or in the cache of playwright-core.
 *
 * @returns undefined if there is none.
 * @throws {Error} if CHROMIUM is set and is not a program.
 */
export async function findChromium(): Promise<FoundChromium | undefined> {
  const { CHROMIUM: chosen, PATH: path = '' } = process.env
  if (chosen !== undefined && chosen !== '') {
    if (!(await isProgram(chosen))) throw new Error(`CHROMIUM is ${JSON.stringify(chosen)}, which is not a program.`)
    return { path: chosen, from: 'CHROMIUM' }
  }
  for (const folder of [...path.split(delimiter), '/usr/bin'].filter((one) => one !== '')) {
    for (const name of names) if (await isProgram(join(folder, name))) return { path: join(folder, name), from: 'PATH' }
  }
  // The installer knows the folder of its version, and writes this file last.
  const { stdout } = await playwright('install', '--dry-run', 'chromium-headless-shell')
  const folder = /Install location:\s*(.+)/.exec(stdout)?.[1]
  const isComplete = folder !== undefined && (await exists(join(folder.trim(), 'INSTALLATION_COMPLETE')))
  return isComplete ? { path: undefined, from: 'cache of playwright-core' } : undefined
}

/**
 * Finds Chromium, or installs it: with apt where that is allowed, otherwise with the installer of playwright-core.
 *
 * @throws {Error} if neither works.
 */
export async function findOrInstallChromium(): Promise<FoundChromium> {
  const found = await findChromium()
  if (found !== undefined) return found
  if (process.getuid?.() === 0 && (await isProgram('/usr/bin/apt-get'))) {
    try {
      await run('apt-get', ['update', '-q'], options)
      await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'chromium'], options)
      // Ubuntu's package is empty without snap, so the program may be missing.
      const installed = await findChromium()
      if (installed !== undefined) return { ...installed, from: 'apt-get' }
    } catch (error) {
      console.error(`apt-get: ${error instanceof Error ? error.message : error}`)
    }
  }
  await playwright('install', '--with-deps', 'chromium-headless-shell')
  const installed = await findChromium()
  if (installed === undefined) throw new Error(howToGetChromium)
  return { ...installed, from: 'playwright-core install' }
}

const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, maxBuffer: 64 * 1024 * 1024 }

function playwright(...args: readonly string[]) {
  const manifest = createRequire(import.meta.url).resolve('playwright-core/package.json')
  return run(process.execPath, [join(dirname(manifest), 'cli.js'), ...args], options)
}

function isProgram(path: string): Promise<boolean> {
  return exists(path, constants.X_OK)
}

function exists(path: string, mode = constants.F_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  )
}
