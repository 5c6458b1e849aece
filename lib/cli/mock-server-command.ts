import { incidentResponder } from '../incident/responder/incident-responder.ts'
import { type Fault, faultTable, startMockServer } from '../testing/index.ts'
import { exitCode, UsageError } from './exit-code.ts'
import { interruption } from './interrupt.ts'

/**
 * `tenrounds mock-server`: the mock server with the incident rules as a server of its own, until Ctrl-C or SIGTERM.
 *
 * @param faults names of faults, between commas, that hit every request; `list` prints those that there are, and what they do
 */
export async function mockServerCommand(port: string, faults = ''): Promise<number> {
  if (faults === 'list') {
    const width = Math.max(...faultTable.map(({ name }) => name.length))
    const lines = faultTable.map((fault) => `${fault.name.padEnd(width)}  ${effectOf(fault)}\n`)
    process.stdout.write(lines.join(''))
    return exitCode.ok
  }
  const options = { responder: incidentResponder(), port: portOf(port), faults: faultsOf(faults), record: false }
  const interrupted = interruption()
  const mockServer = await startMockServer(options).catch((error: Error) => {
    throw new UsageError(
      `The mock server cannot listen on port ${port}: ${error.message}. Give another one with --port.`,
    )
  })
  try {
    process.stderr.write(
      `mock server on ${mockServer.url}: no model, it answers by fixed rules${withFaults(options.faults)}. Ctrl-C ends it. To use it:\n`,
    )
    process.stdout.write(
      `export MINIMAX_CHAT_COMPLETIONS_URL=${mockServer.url}/v1/chat/completions\nexport ANTHROPIC_AUTH_TOKEN=mock-server\n`,
    )
    await aborted(interrupted.signal)
    return exitCode.ok
  } finally {
    interrupted.release()
    await mockServer.close()
  }
}

/** Some faults make the server leave: the timer keeps the process until it is told to end. */
async function aborted(signal: AbortSignal): Promise<void> {
  const timer = setInterval(() => {}, 2 ** 31 - 1)
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  clearInterval(timer)
}

/** What a run over a good client comes to, where each of its requests is hit. */
function effectOf({ expected, mode }: Fault): string {
  const outcome = expected.always ?? expected.once
  const effect =
    outcome === 'answered' ? 'no harm' : `fails with ${outcome.code}${outcome.retryable ? ' (retryable)' : ''}`
  return mode === 'both' ? effect : `${effect}; only ${mode === 'stream' ? 'streamed' : 'whole'} replies`
}

/** @throws {UsageError} where there is none of that name. */
function faultsOf(names: string): readonly Fault[] {
  const given = names.split(',').map((name) => name.trim())
  return given
    .filter((name) => name !== '')
    .map((name) => {
      const fault = faultTable.find((known) => known.name === name)
      if (fault !== undefined) return fault
      throw new UsageError(`--faults names "${name}", which is none: "tenrounds mock-server --faults list" lists them.`)
    })
}

function withFaults(faults: readonly Fault[]): string {
  return faults.length === 0 ? '' : `, with ${faults.map(({ name }) => name).join(' and ')} at every request`
}

/** @throws {UsageError} where it is none. */
function portOf(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new UsageError(`--port is "${text}"; it has to be a number from 0 to 65535.`)
}
