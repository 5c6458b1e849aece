import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('./survey-worker.ts', import.meta.url))
const root = fileURLToPath(new URL('../../../', import.meta.url))

export interface WorkerPlace {
  readonly address: string
  readonly modelUrl: string
  readonly controlUrl: string
  /** File of a workflow bundle. */
  readonly bundle: string
}

/** A worker in a process of its own, which can be stopped in every way that processes are. */
export class WorkerProcess implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #exited: Promise<number | null>
  #said = ''
  #heard: (() => void)[] = []

  constructor({ address, modelUrl, controlUrl, bundle }: WorkerPlace) {
    const child = spawn(process.execPath, ['--import', 'tsx', script, address, modelUrl, controlUrl, bundle], {
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

  /** Everything it printed. */
  get said(): string {
    return this.#said
  }

  /** Everything is loaded. */
  ready(): Promise<void> {
    return this.#until('ready')
  }

  /** Takes tasks of this queue, too, from now on. */
  async work(taskQueue: string): Promise<void> {
    await this.ready()
    this.#child.stdin?.write(`${taskQueue}\n`)
    await this.#until(`working on ${taskQueue}`)
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** SIGKILL; resolves when it is gone. */
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
        throw new Error(`The worker process ended before it said "${line}": ${this.#said}`)
      }
      await new Promise<void>((resolve) => this.#heard.push(resolve))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}
