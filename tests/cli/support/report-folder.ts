import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A temporary folder for `--reports`. */
export interface ReportFolder {
  /** Absolute path. */
  readonly path: string
  /** Reads the reports of all runs in the folder. */
  read(): Promise<readonly WrittenReport[]>
  [Symbol.asyncDispose](): Promise<void>
}

/** The files of one run. */
export interface WrittenReport {
  readonly run: string
  readonly files: readonly string[]
  readonly json: string
  readonly markdown: string
}

/** Creates the folder; it is removed with the resource. */
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
