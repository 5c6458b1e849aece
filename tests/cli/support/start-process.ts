import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** How a process ended, and everything that it printed. */
export interface EndedProcess {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A running process of the command. */
export interface StartedProcess {
  /** Resolves when the process has ended and its output is complete. */
  readonly ended: Promise<EndedProcess>
  kill(signal: NodeJS.Signals): void
  /** Closes the output of the process, as `head` does when it has its lines. */
  closeOutput(): void
  /** Everything printed so far, to both streams. */
  output(): string
  /** Resolves when the output contains the text; rejects if the process ends first. */
  until(text: string): Promise<void>
}

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Starts the real command in its own process. The environment has only `PATH` and `env`. */
export function startProcess(args: readonly string[], env: Readonly<Record<string, string>> = {}): StartedProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', 'lib/cli/bin.ts', ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<EndedProcess>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  const output = () => stdout + stderr
  return {
    ended,
    kill: (signal) => child.kill(signal),
    closeOutput: () => {
      child.stdout.destroy()
      child.stderr.destroy()
    },
    output,
    until: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!output().includes(text)) return
          child.stdout.off('data', look)
          child.stderr.off('data', look)
          resolve()
        }
        child.stdout.on('data', look)
        child.stderr.on('data', look)
        look()
        ended.then(() => reject(new Error(`The command ended before it printed "${text}": ${output()}`)), reject)
      }),
  }
}
