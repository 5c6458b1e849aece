#!/usr/bin/env node
/** The executable: connects `main` to this process, that is to its streams, environment, signals and exit code. */
import type { CommandIo } from './command-io.ts'
import { main } from './main.ts'

/** npm forwards a Ctrl-C that the terminal has already sent to every process. Within this time it is the same one. */
const duplicateSignalMs = 1_000

const interrupt = new AbortController()
let interruptedAt: number | undefined

const io: CommandIo = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  get signal() {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      if (!process.listeners(name).includes(onSignal)) process.on(name, onSignal)
    }
    return interrupt.signal
  },
}

/** The first signal asks the command to stop; another one ends the process at once. */
function onSignal(name: NodeJS.Signals): void {
  if (interruptedAt === undefined) {
    interruptedAt = performance.now()
    interrupt.abort(new DOMException(`Interrupted by ${name}.`, 'AbortError'))
    return
  }
  if (performance.now() - interruptedAt > duplicateSignalMs) process.exit(130)
}

// A reader of the output may close it early, as `head -3` does. The command still finishes its work.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

process.exitCode = await main(process.argv.slice(2), io)
