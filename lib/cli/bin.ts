#!/usr/bin/env node
/** The executable: connects `main` to this process, that is to its streams, environment, signals and exit code. */
import { exitCode, type ProcessIo } from './command-io.ts'
import { main } from './main.ts'

/** npm forwards a Ctrl-C that the terminal has already sent to every process. Within this time it is the same one. */
const duplicateSignalMs = 1_000

let signal: AbortSignal | undefined

const io: ProcessIo = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  get signal() {
    signal ??= interruptSignal()
    return signal
  },
}

/** Aborted by the first SIGINT or SIGTERM, so that the command can stop. A later one ends the process at once. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController()
  let abortedAt = 0
  const onSignal = (name: NodeJS.Signals) => {
    if (!controller.signal.aborted) {
      abortedAt = performance.now()
      controller.abort(new DOMException(`Stopped by ${name === 'SIGINT' ? 'Ctrl-C' : name}.`, 'AbortError'))
    } else if (performance.now() - abortedAt > duplicateSignalMs) {
      process.exit(exitCode.interrupted)
    }
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return controller.signal
}

// A reader of the output may close it early, as `head -3` does. The command still finishes its work.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

process.exitCode = await main(process.argv.slice(2), io)
