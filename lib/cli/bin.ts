#!/usr/bin/env node
/** The executable: connects `main` to this process, that is to its streams, environment, signals and exit code. */
import { systemProblem } from '../../router/text/system-error.ts'
import { type ProcessIo, StoppedError } from './command-io.ts'

/** npm forwards a Ctrl-C that the terminal has already sent to every process. Within this time it is the same one. */
const duplicateSignalMs = 1_000
const stopSignals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM']

/** Before a run begins there is nothing to stop in an orderly way, and its user must not look for a report. */
const stopEarly = (name: NodeJS.Signals) => {
  const stopped = new StoppedError(name)
  process.stderr.write(`tenrounds: ${stopped.message} The run had not begun, and no report was written.\n`)
  process.exit(stopped.exitCode)
}
if (process.argv.includes('run')) for (const name of stopSignals) process.on(name, stopEarly)

let signal: AbortSignal | undefined

const io: ProcessIo = {
  stdout: process.stdout,
  stderr: process.stderr,
  // Opened only when it is read: an open terminal would keep the process running.
  get stdin() {
    return process.stdin
  },
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
    const stopped = new StoppedError(name)
    if (!controller.signal.aborted) {
      abortedAt = performance.now()
      controller.abort(stopped)
    } else if (performance.now() - abortedAt > duplicateSignalMs) {
      process.exit(stopped.exitCode)
    }
  }
  for (const name of stopSignals) process.on(name, onSignal).off(name, stopEarly)
  return controller.signal
}

/** Whether a stream refused text, for example because its disk is full. */
let outputFailed = false

// A reader of the output may close it early, as `head -3` does. The command still finishes its work.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || outputFailed) return
    outputFailed = true
    process.exitCode = 1
    if (stream === process.stderr) return
    process.stderr.write(`tenrounds: The output cannot be written: ${systemProblem(error)}.\n`)
  })
}

// Loading the commands takes a moment, in which Ctrl-C must already be caught.
const { main } = await import('./main.ts')
const code = await main(process.argv.slice(2), io)
process.exitCode = outputFailed ? 1 : code
