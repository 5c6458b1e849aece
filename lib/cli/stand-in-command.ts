import { incidentResponder, startStandIn } from '../testing/index.ts'
import { exitCode, UsageError } from './exit-code.ts'
import { interruption } from './interrupt.ts'

/** `tenrounds stand-in`: the stand-in with the incident rules as a server of its own, until Ctrl-C or SIGTERM. */
export async function standInCommand(port: string): Promise<number> {
  const interrupted = interruption()
  const standIn = await startStandIn({ responder: incidentResponder(), port: portOf(port), record: false }).catch(
    (error: Error) => {
      throw new UsageError(
        `The stand-in cannot listen on port ${port}: ${error.message}. Give another one with --port.`,
      )
    },
  )
  try {
    process.stderr.write(
      `stand-in on ${standIn.url}: no model, it answers by fixed rules. Ctrl-C ends it. To use it:\n`,
    )
    process.stdout.write(
      `export MINIMAX_CHAT_COMPLETIONS_URL=${standIn.url}/v1/chat/completions\nexport ANTHROPIC_AUTH_TOKEN=stand-in\n`,
    )
    if (!interrupted.signal.aborted) {
      await new Promise((resolve) => interrupted.signal.addEventListener('abort', resolve, { once: true }))
    }
    return exitCode.ok
  } finally {
    interrupted.release()
    await standIn.close()
  }
}

/** @throws {UsageError} where it is none. */
function portOf(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new UsageError(`--port is "${text}"; it has to be a number from 0 to 65535.`)
}
