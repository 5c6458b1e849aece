import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  /** Resolves when the process is over and its output read. */
  readonly ended: Promise<Ended>
  kill(signal: NodeJS.Signals): void
  /** Reads no more of what it prints, as `head` does once it has its lines. */
  leave(): void
  /** What was printed so far, both streams. */
  output(): string
  /** Resolves when the output has this; rejects where the process ends before. */
  until(text: string): Promise<void>
}

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Starts the real command in a process of its own; its environment holds `PATH` and `env`, and nothing else. */
export function startCommand(args: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
  const child = spawn(process.execPath, ['--import', 'tsx', 'lib/cli/main.ts', ...args], {
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
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  const output = () => stdout + stderr
  return {
    ended,
    kill: (signal) => child.kill(signal),
    leave: () => {
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
        ended.then(() => reject(new Error(`It ended before it printed "${text}": ${output()}`)), reject)
      }),
  }
}

export interface ReportFolder {
  readonly path: string
  /** The reports of all runs in the folder. */
  read(): Promise<readonly WrittenReport[]>
  [Symbol.asyncDispose](): Promise<void>
}

export interface WrittenReport {
  readonly run: string
  readonly files: readonly string[]
  readonly json: string
  readonly markdown: string
}

/** A temporary folder for `--reports`. */
export async function reportFolder(): Promise<ReportFolder> {
  const path = await mkdtemp(join(tmpdir(), 'tenrounds-reports-'))
  const readRun = async (run: string): Promise<WrittenReport> => ({
    run,
    files: (await readdir(join(path, run))).sort(),
    json: await readFile(join(path, run, 'report.json'), 'utf8'),
    markdown: await readFile(join(path, run, 'report.md'), 'utf8'),
  })
  return {
    path,
    read: async () => Promise.all((await readdir(path)).map(readRun)),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}
