import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A worker process for the examples of README, which tests can kill. It has one slot for activities. */
export class ExampleWorker implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  /** Lines that the process has printed. */
  readonly lines: string[] = []
  /** Resolves when the worker polls; rejects if it ends before. */
  readonly ready: Promise<void>

  /**
   * @param folder of the examples.
   * @param script written by {@link writeWorker}.
   */
  constructor(folder: string, script: string, env: Readonly<Record<string, string>>) {
    const child = spawn(process.execPath, ['--import', 'tsx', script], {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    this.#exited = new Promise((resolve) => child.once('close', resolve))
    this.ready = new Promise((resolve, reject) => {
      let said = ''
      let errors = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        errors += text
      })
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        const lines = (said + text).split('\n')
        said = lines.pop() ?? ''
        this.lines.push(...lines)
        if (this.lines.includes('ready')) resolve()
      })
      child.once('close', () => reject(new Error(`The worker ended: ${errors}`)))
    })
    // A worker that is killed while it starts is not an error.
    this.ready.catch(() => {})
  }

  /** Sends SIGKILL; resolves when the process has ended. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}

/**
 * Writes a worker for two examples. It prints `ready` when it polls the task queue of the environment variable `TASK_QUEUE`.
 *
 * @param activities an expression for the activities, with the import that it needs.
 */
export async function writeWorker(
  folder: string,
  script: string,
  {
    workflows,
    imports,
    activities,
  }: { readonly workflows: string; readonly imports: string; readonly activities: string },
): Promise<void> {
  await writeFile(
    join(folder, script),
    `
import { fileURLToPath } from 'node:url'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { takeoverWorkerOptions } from 'tenrounds/temporal'
${imports}

Runtime.install({ logger: new DefaultLogger('ERROR') })
const connection = await NativeConnection.connect({ address: process.env['TEMPORAL_ADDRESS'] })
const worker = await Worker.create({
  connection,
  taskQueue: process.env['TASK_QUEUE'],
  workflowsPath: fileURLToPath(new URL('./${workflows}', import.meta.url)),
  activities: ${activities},
  maxConcurrentActivityTaskExecutions: 1,
  ...takeoverWorkerOptions,
})
const running = worker.run()
console.log('ready')
await running
`,
  )
}

/** Changes an example. Fails if it does not contain the text, because the test would then prove something else. */
export async function replaceIn(file: string, text: string | RegExp, by: string): Promise<void> {
  const before = await readFile(file, 'utf8')
  const after = before.replace(text, by)
  if (after === before) throw new Error(`${file} does not contain ${text}`)
  await writeFile(file, after)
}
