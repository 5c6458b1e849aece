import { once } from 'node:events'
import { access, constants, mkdtemp, rm, stat, statfs } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { systemProblem } from '../../router/text/system-error.ts'
import { connectClient } from '../../workflows/client.ts'
import { connectTo, TemporalConnectionError, temporalSettings } from '../../workflows/connection.ts'
import { MissingPackageError } from '../../workflows/temporal-packages.ts'
import { isModelError } from '../loop/errors.ts'
import { isLoopback } from '../minimax/endpoint.ts'
import { minimax } from '../minimax/minimax.ts'
import { type CommandIo, exitCode, stoppedCode, UsageError } from './command-io.ts'
import { addCommand, type CommandContext } from './command-line.ts'
import type { StyledText } from './terminal-output.ts'
import { hanging, longest } from './text-layout.ts'

/** The result of one check. */
interface Check {
  /** The thing that was checked. */
  readonly name: string
  /** `warn`: some commands do not work, or not as expected. `fail`: something that is set up does not work. */
  readonly status: 'ok' | 'warn' | 'fail'
  /** The finding in one sentence. It never has the token. */
  readonly detail: string
  /** The next step; `null` if nothing is to be done. */
  readonly next: string | null
}

interface DoctorOptions {
  /** Fail without a real endpoint. @defaultValue false */
  readonly live?: boolean
  /** Folder for the reports. */
  readonly reports: string
}

/** Registers `doctor`. */
export function registerDoctor(program: Command, context: CommandContext): void {
  addCommand(program, 'doctor', 'check Node, token, endpoint, Temporal and write access, and say what to do', {
    examples: [
      ['doctor', 'all checks; the endpoint gets one short request if a token is set'],
      ['doctor --live', 'fail if no token is set'],
      ['doctor --json', '{ "status", "checks": [{ "name", "status", "detail", "next" }] }'],
    ],
    notes: ['The request to the endpoint asks for one word. It costs less than 200 tokens. The token is never shown.'],
    ok: 'no check failed; there may be warnings',
    failed: 'a check failed',
  })
    .option('--live', 'require a real model: fail if no token is set')
    .option('--reports <folder>', 'folder for the reports', 'reports')
    .action((options: DoctorOptions) => context.run((io) => doctorCommand(io, options)))
}

async function doctorCommand(io: CommandIo, { live = false, reports }: DoctorOptions): Promise<number> {
  const { signal } = io
  const groups = await Promise.all([
    checkNode(),
    checkEndpoint(io.env, live, signal),
    checkTemporal(io.env),
    checkPackages(),
    checkReportFolder(reports),
  ])
  if (signal.aborted) return stoppedCode(signal)
  const checks = groups.flat()
  const failed = checks.filter(({ status }) => status === 'fail').length
  if (io.json) io.stdout.json({ status: failed > 0 ? 'fail' : 'ok', checks })
  else writeChecks(io, io.quiet ? checks.filter(({ status }) => status !== 'ok') : checks)
  return failed > 0 ? exitCode.failed : exitCode.ok
}

/** The colour of each status. */
const styles: Readonly<Record<Check['status'], StyledText['style']>> = { ok: 'green', warn: 'yellow', fail: 'red' }

/** One line per check, or more on a narrow terminal, and the counts at the end. */
function writeChecks({ stdout, quiet }: CommandIo, checks: readonly Check[]): void {
  const width = longest(checks.map(({ name }) => name))
  for (const { name, status, detail, next } of checks) {
    const label = `${status.padEnd(4)}  ${name.padEnd(width)}  `
    const lines = hanging(label, `${detail}${next === null ? '' : ` ${next}`}`, stdout.columns)
    const text = `${lines.join('\n')}\n`
    stdout.write({ style: styles[status], text: text.slice(0, 4) }, text.slice(4))
  }
  const count = (status: Check['status']) => checks.filter((check) => check.status === status).length
  if (!quiet) stdout.write(`\n${count('ok')} ok, ${count('warn')} warnings, ${count('fail')} failed\n`)
}

// The three kinds of results. A check that is fine needs no next step.
const ok = (name: string, detail: string): Check => ({ name, status: 'ok', detail, next: null })
const warn = (name: string, detail: string, next: string | null): Check => ({ name, status: 'warn', detail, next })
const fail = (name: string, detail: string, next: string | null): Check => ({ name, status: 'fail', detail, next })

/** The oldest version of Node that the package supports, as in `engines` of its manifest. */
const oldestNode = [20, 18, 1] as const

/** The version of Node that runs this command. */
function checkNode(): readonly Check[] {
  const { node } = process.versions
  const parts = node.split('.').map(Number)
  const first = oldestNode.findIndex((part, index) => part !== parts[index])
  const isOld = first !== -1 && (parts[first] ?? 0) < (oldestNode[first] ?? 0)
  if (!isOld) return [ok('Node', `${node}.`)]
  return [fail('Node', `${node} is too old.`, `Install Node ${oldestNode.join('.')} or newer.`)]
}

/** Longest time for the request to the endpoint. */
const requestTimeoutMs = 30_000

/** The token, and one short request that shows whether endpoint, token and model fit together. */
async function checkEndpoint(env: NodeJS.ProcessEnv, live: boolean, signal: AbortSignal): Promise<readonly Check[]> {
  const hasToken = (env['ANTHROPIC_AUTH_TOKEN'] ?? '').trim() !== ''
  const token = hasToken
    ? ok('token', 'ANTHROPIC_AUTH_TOKEN is set.')
    : (live ? fail : warn)(
        'token',
        'ANTHROPIC_AUTH_TOKEN is not set, so a mock server with fixed rules answers.',
        'Set it to your MiniMax API key.',
      )
  try {
    const { host, hostname } = await endpointUrl(env)
    if (!hasToken && !isLoopback(hostname)) {
      return [token, warn('endpoint', `${host} was not asked.`, 'It needs a token.')]
    }
    const model = minimax({ env, retries: 0, maxOutputTokens: 64 })
    try {
      return [token, await askModel(model, host, signal)]
    } finally {
      await model.close()
    }
  } catch (error) {
    if (!isModelError(error)) throw error
    return [token, fail('endpoint', error.message, null)]
  }
}

/** @throws {ModelError} `configuration` if the environment sets an address that must not be used. */
async function endpointUrl(env: NodeJS.ProcessEnv): Promise<URL> {
  // Nothing is sent, so any token will do.
  const model = minimax({ env, token: 'none' })
  await model.close()
  return new URL(model.url)
}

/**
 * Sends the request, once: a retry would hide a problem.
 *
 * @returns the check. Errors of the model client are its result; they say what is wrong, with the token masked.
 */
async function askModel(model: ReturnType<typeof minimax>, host: string, signal: AbortSignal): Promise<Check> {
  const message = { role: 'user', content: 'Reply with the word ok.' } as const
  const startedAt = performance.now()
  try {
    const reply = await model.complete({
      messages: [{ role: 'user', json: JSON.stringify(message) }],
      signal,
      timeoutMs: requestTimeoutMs,
    })
    const { inputTokens, outputTokens } = reply.usage
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    const answered = reply.model === undefined || reply.model === model.name ? '' : ` (answered as ${reply.model})`
    return ok(
      'endpoint',
      `${host} accepts the model ${model.name}${answered}: ${seconds} s, ${inputTokens} + ${outputTokens} tokens.`,
    )
  } catch (error) {
    if (!isModelError(error)) throw error
    // An endpoint that is busy is set up in the right way.
    const isBusy = error.code === 'rate_limit' || error.code === 'overloaded'
    const detail = `${host}, model ${model.name}: ${error.message}`
    return isBusy
      ? warn('endpoint', detail, detail.endsWith('Try again later.') ? null : 'Try again later.')
      : fail('endpoint', detail, nextSteps[error.code] ?? null)
  }
}

/** Steps that the messages of the client do not have. */
const nextSteps: Readonly<Record<string, string>> = {
  invalid_request: 'Check MINIMAX_MODEL and the address.',
  quota: 'Add balance, or use a key of another plan.',
  timeout: 'Check the network and the proxy (HTTPS_PROXY, NO_PROXY).',
  protocol: 'Check the address: this is not a chat-completions endpoint.',
  server: 'Try again; if it stays, check the address.',
}

/** Packages, server, namespace and workers. Only a server that the environment names must be there. */
async function checkTemporal(env: NodeJS.ProcessEnv): Promise<readonly Check[]> {
  const isChosen = Object.entries(env).some(([name, value]) => name.startsWith('TEMPORAL_') && value !== '')
  try {
    const { taskQueue, namespace, connection } = await temporalSettings({ env })
    if (await refuses(connection.address)) {
      await connectTo(connection, () => Promise.reject(new Error('it refuses connections')))
    }
    const client = await connectClient({ env })
    try {
      const { pollers } = await client.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: taskQueue },
        taskQueueType: 1,
      })
      const count = pollers?.length ?? 0
      return [
        ok('Temporal', `${connection.address} has the namespace "${namespace}".`),
        count > 0
          ? ok('workers', `${count} poll the task queue "${taskQueue}".`)
          : warn('workers', `No worker polls the task queue "${taskQueue}".`, 'Start one with: tenrounds worker'),
      ]
    } finally {
      await client.connection.close()
    }
  } catch (error) {
    if (error instanceof MissingPackageError) {
      return [warn('Temporal', `${error.message}.`, 'Only worker, start and watch need it.')]
    }
    if (!(error instanceof TemporalConnectionError)) throw error
    if (isChosen) return [fail('Temporal', error.message, null)]
    return [warn('Temporal', error.message, 'Only worker, start and watch need it.')]
  }
}

/** Whether nothing listens at an address of this machine. Temporal's client would wait five seconds for it. */
async function refuses(address: string): Promise<boolean> {
  const url = `tcp://${address}`
  if (!URL.canParse(url)) return false
  const { hostname, port } = new URL(url)
  if (!isLoopback(hostname) || port === '') return false
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) })
  try {
    await once(socket, 'connect')
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
  } finally {
    socket.destroy()
  }
}

/** Optional packages, with the entry that needs each. */
const optionalPackages = [
  ['@opentelemetry/api', 'tenrounds/opentelemetry'],
  ['@modelcontextprotocol/client', 'your own client for tenrounds/mcp'],
] as const

/** Whether the packages for two optional entries are installed. A missing one is not a problem. */
function checkPackages(): readonly Check[] {
  const { resolve: find } = createRequire(import.meta.url)
  return optionalPackages.map(([name, user]) => {
    try {
      find(name)
    } catch (error) {
      // A package that has only ES modules is found, too: its error has another code.
      if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') {
        return ok(name, `Not installed; only ${user} needs it.`)
      }
    }
    return ok(name, 'Installed.')
  })
}

/** Less free space than this is soon used up. A report has less than 2 MB. */
const fewBytes = 100_000_000

/** Whether a report can be written, and the free space. The folder is not created. */
async function checkReportFolder(folder: string): Promise<readonly Check[]> {
  const name = 'reports'
  try {
    const existing = await existingFolder(resolve(folder))
    await access(existing, constants.W_OK | constants.X_OK)
    // A file system can be read-only, or full, although the mode of the folder allows writing.
    await rm(await mkdtemp(join(existing, '.tenrounds-doctor-')), { recursive: true })
    const { bavail, bsize } = await statfs(existing)
    const free = bavail * bsize
    const space = `${(free / 1e9).toFixed(1)} GB are free`
    if (free < fewBytes) return [warn(name, `${folder} can be written, and ${space}.`, 'Free some space.')]
    return [ok(name, `${folder} can be written, and ${space}.`)]
  } catch (error) {
    return [
      fail(name, `${folder} cannot be written: ${systemProblem(error)}.`, 'Choose another folder with --reports.'),
    ]
  }
}

/** The folder itself, or the closest one above it that exists. @throws {Error} if that is not a folder. */
async function existingFolder(folder: string): Promise<string> {
  const found = await stat(folder).catch((error: unknown) => {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (!isMissing || dirname(folder) === folder) throw error
    return undefined
  })
  if (found === undefined) return existingFolder(dirname(folder))
  if (!found.isDirectory()) throw new UsageError(`${folder} is not a folder`)
  return folder
}
