import { Readable } from 'node:stream'
import { main } from '../../../lib/cli/main.ts'

/** The exit code of a command and everything that it printed. */
export interface EndedCommand {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A command that runs in the test's process. */
export interface StartedCommand {
  /** Resolves when the command has ended. */
  readonly ended: Promise<EndedCommand>
  /** What Ctrl-C does. */
  interrupt(): void
  /** Everything printed so far, to both streams. */
  output(): string
  /** Resolves when the output contains the text; rejects if the command ends first. */
  until(text: string): Promise<void>
}

/** Runs the command in this process and waits for its end. `env` is its whole environment. */
export function runMain(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  stdin = '',
): Promise<EndedCommand> {
  return startMain(args, env, undefined, stdin).ended
}

/**
 * Starts the command in this process, for commands that end only when they are interrupted.
 *
 * @param columns the width of the terminal that shows its output. @defaultValue no terminal
 */
export function startMain(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  columns?: number,
  stdin = '',
): StartedCommand {
  const interrupt = new AbortController()
  const written = { stdout: '', stderr: '' }
  const waiting = new Set<() => void>()
  const output = (name: keyof typeof written) => ({
    isTTY: columns !== undefined,
    ...(columns === undefined ? {} : { columns }),
    write: (text: string) => {
      written[name] += text
      for (const look of waiting) look()
    },
  })
  const io = {
    stdout: output('stdout'),
    stderr: output('stderr'),
    env,
    signal: interrupt.signal,
    stdin: Readable.from([stdin]),
  }
  const ended = main(args, io).then((code) => ({ code, ...written }))
  const all = () => written.stdout + written.stderr
  return {
    ended,
    interrupt: () => interrupt.abort(new DOMException('Stopped by Ctrl-C.', 'AbortError')),
    output: all,
    until: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!all().includes(text)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
        ended.then(() => reject(new Error(`The command ended before it printed "${text}": ${all()}`)), reject)
      }),
  }
}
