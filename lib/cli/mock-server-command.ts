import type { Command } from 'commander'
import { aborted, maxTimerMs } from '../../router/on-abort.ts'
import { closest } from '../../router/text/closest.ts'
import { systemProblem } from '../../router/text/system-error.ts'
import { incidentResponder } from '../incident/responder/incident-responder.ts'
import { type Fault, faultTable, startMockServer } from '../testing/index.ts'
import { type CommandIo, exitCode, hint, UsageError } from './command-io.ts'
import { addCommand, type CommandContext } from './command-line.ts'
import { hanging, longest } from './text-layout.ts'

/** Options of {@link mockServerCommand}. */
interface MockServerOptions {
  /** Port to listen on; `0` for a free one. */
  readonly port: string
  /** Faults that affect every request, names separated by commas. `list` prints them instead of starting a server. @defaultValue none */
  readonly faults?: string
  /** Whether contested rules are applied. @defaultValue false */
  readonly strict?: boolean
}

/** Registers `mock-server`. */
export function registerMockServer(program: Command, context: CommandContext): void {
  addCommand(program, 'mock-server', "run the mock server, which speaks MiniMax's protocol, until Ctrl-C", {
    examples: [
      ['mock-server', 'print the variables that select the server, and answer by fixed rules'],
      ['mock-server --faults list', 'list the faults'],
      ['mock-server --port 8080 --faults 529', 'refuse every request as overloaded'],
    ],
    ok: 'the server was stopped by Ctrl-C or SIGTERM',
    endsWhenStopped: true,
  })
    .option('--port <number>', 'port to listen on; 0 is a free one', '0')
    .option('--faults <names>', 'faults on every request, separated by commas; "list" shows them all')
    .option('--strict', 'also refuse what only some sources say that MiniMax refuses')
    .action((options: MockServerOptions) => context.run((io) => mockServerCommand(io, options)))
}

/** The mock server with the incident responder as a server of its own, until Ctrl-C or SIGTERM. */
async function mockServerCommand(io: CommandIo, options: MockServerOptions): Promise<number> {
  if (options.faults === 'list') return listFaults(io)
  const faults = parseFaults(options.faults ?? '')
  const port = parsePort(options.port)
  // Read before anything is printed, because a caller may interrupt as soon as it sees the text.
  const { signal } = io
  const { strict = false } = options
  const mockServer = await startMockServer({
    responder: incidentResponder(),
    port,
    strict,
    faults,
    record: false,
  }).catch((error: unknown) => {
    throw new UsageError(
      `The mock server cannot listen on port ${port}: ${systemProblem(error)}. Choose another one with --port.`,
    )
  })
  // Some faults close the server, and then nothing else keeps the process running until it is stopped.
  const keepsRunning = setInterval(() => {}, maxTimerMs)
  try {
    hint(
      io,
      `mock server on ${mockServer.url}: no model. Fixed rules answer the incident agent only${withFaults(faults)}. Stop it with Ctrl-C. To use it:`,
    )
    const url = `${mockServer.url}/v1/chat/completions`
    if (io.json) io.stdout.json({ MINIMAX_CHAT_COMPLETIONS_URL: url, ANTHROPIC_AUTH_TOKEN: 'mock-server' })
    else {
      io.stdout.write(`export MINIMAX_CHAT_COMPLETIONS_URL=${url}\nexport ANTHROPIC_AUTH_TOKEN=mock-server\n`)
    }
    await aborted(signal)
    return exitCode.ok
  } finally {
    clearInterval(keepsRunning)
    await mockServer.close()
  }
}

/** One line per fault: its name and its effect. */
function listFaults(io: CommandIo): number {
  if (io.json) io.stdout.json(faultTable.map(({ name, description, mode }) => ({ name, description, mode })))
  if (io.json) return exitCode.ok
  const width = longest(faultTable.map(({ name }) => name))
  for (const fault of faultTable) {
    const lines = hanging(`${fault.name.padEnd(width)}  `, effectOf(fault), io.stdout.listColumns)
    io.stdout.write(`${lines.join('\n')}\n`)
  }
  return exitCode.ok
}

/** The description of a fault, and the replies that it can affect. */
function effectOf({ description, mode }: Fault): string {
  return mode === 'both' ? description : `${description} (only ${mode === 'stream' ? 'streamed' : 'whole'} replies)`
}

/** @throws {UsageError} for an unknown name. */
function parseFaults(names: string): readonly Fault[] {
  return names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .map((name) => {
      const fault = faultTable.find((known) => known.name === name)
      if (fault !== undefined) return fault
      const similar = closest(
        name,
        faultTable.map((known) => known.name),
      )
      const hint = similar === undefined ? '' : ` Did you mean "${similar}"?`
      throw new UsageError(
        `--faults has no fault "${name}".${hint} List them with: tenrounds mock-server --faults list`,
      )
    })
}

function withFaults(faults: readonly Fault[]): string {
  return faults.length === 0 ? '' : `, with ${faults.map(({ name }) => name).join(' and ')} on every request`
}

/** @throws {UsageError} if the text is not a port number. */
function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new UsageError(`--port must be a number from 0 to 65535, not "${text}".`)
}
