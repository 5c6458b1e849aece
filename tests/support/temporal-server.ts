import { type ChildProcess, spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Connection } from '@temporalio/client'

/** The newest release that `go install` builds. Its server is 1.29. */
export const temporalCliVersion = '1.5.1'

/** Cache for the server's binary, so that it is downloaded or built once per machine. */
export const temporalCacheFolder = join(
  process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'),
  'tenrounds',
  `temporal-cli-${temporalCliVersion}`,
)

/** A running server, or a binary that starts one. `from` says where it was found. */
export type TemporalSource =
  | { readonly kind: 'address'; readonly address: string; readonly from: string }
  | { readonly kind: 'binary'; readonly path: string; readonly from: string }

/**
 * Finds a Temporal server without installing anything: `TEMPORAL_ADDRESS` (a running server), `TEMPORAL_CLI_PATH`,
 * `temporal` on the PATH, or the cache.
 */
export async function findTemporal(env: NodeJS.ProcessEnv = process.env): Promise<TemporalSource | undefined> {
  const address = env['TEMPORAL_ADDRESS']
  if (address) return { kind: 'address', address, from: 'TEMPORAL_ADDRESS' }
  const configured = env['TEMPORAL_CLI_PATH']
  if (configured) {
    if (await isExecutable(configured)) return { kind: 'binary', path: configured, from: 'TEMPORAL_CLI_PATH' }
    throw new Error(`TEMPORAL_CLI_PATH is ${configured}, which is not an executable file.`)
  }
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder || '.', 'temporal')
    if (await isExecutable(path)) return { kind: 'binary', path, from: 'PATH' }
  }
  const cached = join(temporalCacheFolder, 'temporal')
  return (await isExecutable(cached)) ? { kind: 'binary', path: cached, from: 'cache' } : undefined
}

/** Advice for people who have no server. */
export const howToGetTemporal =
  'set TEMPORAL_ADDRESS or TEMPORAL_CLI_PATH, put `temporal` on the PATH, or run `npx tsx tests/support/ensure-temporal.ts --install`'

/** A server that tests can use; it is stopped with the resource if it was started here. */
export interface TemporalServer extends AsyncDisposable {
  readonly address: string
  readonly namespace: string
}

/**
 * Finds the server for the tests of one file. Without one it prints how to get one and returns `undefined`, for
 * `describe.skipIf`.
 *
 * @throws {Error} without a server if `CI` is set, because nobody would notice skipped tests there.
 */
export async function temporalForTests(): Promise<TemporalSource | undefined> {
  const source = await findTemporal()
  if (source !== undefined) return source
  if (process.env['CI']) throw new Error(`No Temporal server: ${howToGetTemporal}.`)
  console.warn(`Skipped, no Temporal server: ${howToGetTemporal}.`)
  return undefined
}

/** Uses the running server, or starts one that is stopped with the resource. */
export async function openTemporal(source: TemporalSource | undefined): Promise<TemporalServer> {
  if (source === undefined) throw new Error(`No Temporal server: ${howToGetTemporal}.`)
  if (source.kind === 'binary') return startTemporalServer(source.path)
  const namespace = process.env['TEMPORAL_NAMESPACE'] ?? 'default'
  return { address: source.address, namespace, [Symbol.asyncDispose]: async () => {} }
}

/** Options of {@link startTemporalServer}. */
export interface ServerOptions {
  /** @defaultValue a free port */
  readonly port?: number
  /** Port of the web UI. @defaultValue no UI */
  readonly uiPort?: number
  /** File for the state, with which another server can continue. @defaultValue the state is in memory */
  readonly stateFile?: string
  /** Whether the server publishes its metrics. @defaultValue false */
  readonly metrics?: boolean
}

/** A server that was started here. */
export interface StartedServer extends TemporalServer {
  readonly port: number
  /** Of the server's process. */
  readonly pid: number | undefined
  /** Address of the metrics, in the text format of Prometheus; set if `metrics` was asked for. */
  readonly metricsUrl?: string
  /** Sends SIGKILL, like a crash; resolves when the process has ended. */
  kill(): Promise<void>
}

/** Starts a development server on the loopback interface and waits until it answers. */
export async function startTemporalServer(binary: string, options: ServerOptions = {}): Promise<StartedServer> {
  const port = options.port ?? (await freePort())
  const address = `127.0.0.1:${port}`
  const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--log-level', 'error']
  args.push(...(options.uiPort === undefined ? ['--headless'] : ['--ui-port', String(options.uiPort)]))
  if (options.stateFile !== undefined) args.push('--db-filename', options.stateFile)
  const metricsPort = options.metrics === true ? await freePort() : undefined
  if (metricsPort !== undefined) args.push('--metrics-port', String(metricsPort))
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2_000)
  })
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (error) => reject(new Error(`${binary} cannot be started: ${error.message}`)))
    child.once('exit', (code) => reject(new Error(`${binary} ended with code ${code} before it answered: ${said}`)))
  })
  const killChild = () => child.kill('SIGKILL')
  process.once('exit', killChild)
  const end = async (signal: NodeJS.Signals) => {
    process.removeListener('exit', killChild)
    await ended(child, signal)
  }
  try {
    await Promise.race([failed, answers(address, 60_000)])
  } catch (error) {
    await end('SIGTERM')
    throw error
  }
  failed.catch(() => {})
  return {
    address,
    namespace: 'default',
    port,
    pid: child.pid,
    ...(metricsPort !== undefined && { metricsUrl: `http://127.0.0.1:${metricsPort}/metrics` }),
    kill: () => end('SIGKILL'),
    [Symbol.asyncDispose]: () => end('SIGTERM'),
  }
}

/** Polls until the namespace exists, which is a moment after the server accepts connections. */
async function answers(address: string, timeoutMs: number): Promise<void> {
  const until = Date.now() + timeoutMs
  for (;;) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: 1_000 })
      try {
        await connection.workflowService.describeNamespace({ namespace: 'default' })
        return
      } finally {
        await connection.close()
      }
    } catch (error) {
      if (Date.now() >= until) throw new Error(`No answer from ${address} within ${timeoutMs} ms: ${error}`)
      await delay(100)
    }
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  const patience = setTimeout(() => child.kill('SIGKILL'), 5_000)
  await exit
  clearTimeout(patience)
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      probe.close(() => resolve(port))
    })
  })
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
