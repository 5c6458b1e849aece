import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** A worker in its own process, which tests can kill. */
export class WorkerProcess implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #exited: Promise<number | null>
  #said = ''
  #heard: (() => void)[] = []

  /**
   * @param script file in this folder: `survey-worker.ts` or `planned-worker.ts`.
   * @param args its arguments.
   */
  constructor(script: string, args: readonly string[]) {
    const file = fileURLToPath(new URL(script, import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], {
      cwd: root,
      env: { PATH: process.env['PATH'] },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const hear = (text: string) => {
      this.#said += text
      for (const heard of this.#heard.splice(0)) heard()
    }
    child.stdout.setEncoding('utf8').on('data', hear)
    child.stderr.setEncoding('utf8').on('data', hear)
    child.stdin.on('error', () => {})
    this.#child = child
    this.#exited = new Promise((resolve) =>
      child.once('close', (code) => {
        resolve(code)
        for (const heard of this.#heard.splice(0)) heard()
      }),
    )
  }

  /** Everything that the process has printed. */
  get said(): string {
    return this.#said
  }

  /** Resolves to the exit code when the process has ended. */
  get exited(): Promise<number | null> {
    return this.#exited
  }

  /** Resolves when the process has loaded everything. */
  ready(): Promise<void> {
    return this.#until('ready')
  }

  /** Makes the process poll this task queue as well. */
  async work(taskQueue: string): Promise<void> {
    await this.ready()
    this.#child.stdin?.write(`${taskQueue}\n`)
    await this.#until(`working on ${taskQueue}`)
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Sends SIGKILL; resolves when the process has ended. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** SIGTERM; resolves to the exit code. */
  terminate(): Promise<number | null> {
    this.#child.kill('SIGTERM')
    return this.#exited
  }

  async #until(line: string): Promise<void> {
    while (!this.#said.split('\n').includes(line)) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`The worker process ended before it printed "${line}": ${this.#said}`)
      }
      await new Promise<void>((resolve) => this.#heard.push(resolve))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}
