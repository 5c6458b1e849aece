import { execFile } from 'node:child_process'
import { chmod, mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import {
  findTemporal,
  howToGetTemporal,
  type TemporalSource,
  temporalCacheFolder,
  temporalCliVersion,
} from './temporal-server.ts'

const run = promisify(execFile)
const downloadTimeoutMs = 120_000
const buildTimeoutMs = 15 * 60_000
const binary = join(temporalCacheFolder, 'temporal')

/** Finds a server, or installs one. @throws {Error} with the reasons if that fails. */
export async function findOrInstallTemporal(): Promise<TemporalSource> {
  const found = await findTemporal()
  if (found !== undefined) return found
  console.log(
    'No Temporal server found. Downloading it into the cache, once. If the download is refused, Go builds it, which takes some minutes.',
  )
  const from = await installTemporal()
  const installed = await findTemporal()
  if (installed === undefined) throw new Error(howToGetTemporal)
  return { ...installed, from }
}

/**
 * Installs the Temporal CLI into the cache, with the SDK's own download or, if that is refused, by building the published
 * Go module.
 *
 * @returns the method that worked.
 * @throws {Error} with the reason for each method.
 */
async function installTemporal(): Promise<string> {
  await mkdir(temporalCacheFolder, { recursive: true })
  const reasons: string[] = []
  for (const [name, install] of [
    ['SDK download', downloadBySdk],
    ['go install', buildByGo],
  ] as const) {
    try {
      await install()
      return name
    } catch (error) {
      reasons.push(`${name}: ${firstLine(error)}`)
    }
  }
  throw new Error(reasons.join('; '))
}

/** The SDK downloads only when it starts a server, so one is started and stopped. */
async function downloadBySdk(): Promise<void> {
  const executable = {
    type: 'cached-download',
    downloadDir: temporalCacheFolder,
    version: `v${temporalCliVersion}`,
  } as const
  const started = TestWorkflowEnvironment.createLocal({ server: { executable } })
  const environment = await within(downloadTimeoutMs, started)
  await environment.teardown()
  // The SDK's file name consists of a prefix and the version.
  const file = (await readdir(temporalCacheFolder)).find(
    (name) => name.startsWith('temporal') && name.includes(temporalCliVersion),
  )
  if (file === undefined) throw new Error(`no binary in ${temporalCacheFolder} after the download`)
  await rename(join(temporalCacheFolder, file), binary)
  await chmod(binary, 0o755)
}

async function buildByGo(): Promise<void> {
  const args = ['install', '-ldflags=-s -w', `github.com/temporalio/cli/cmd/temporal@v${temporalCliVersion}`]
  await run('go', args, { env: { ...process.env, GOBIN: temporalCacheFolder }, timeout: buildTimeoutMs })
}

function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${timeoutMs} ms`)), timeoutMs)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0] ?? ''
}
