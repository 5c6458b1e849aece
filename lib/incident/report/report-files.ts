import { randomUUID } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Report } from './report.ts'

// Reports contain configurations and log lines, so on a shared machine only their owner may read them.

/** Mode of folders: only the owner can enter them. */
const folderMode = 0o700
/** Mode of files: only the owner can read them. */
const fileMode = 0o600

/**
 * Creates the folder for the reports of all runs, with its parents. A folder that exists keeps its mode.
 *
 * @throws {Error} Node's file system error if it cannot be created.
 */
export async function createReportFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: folderMode })
}

/**
 * Creates the folder of a run inside `directory`, with all parents.
 *
 * @returns its path.
 * @throws {Error} Node's file system error if it cannot be created.
 */
export async function reportFolder(directory: string, runId: string): Promise<string> {
  const folder = join(directory, runId)
  await createReportFolder(folder)
  return folder
}

/**
 * Writes `report.json` and `report.md`. Readers see either the complete file or the previous one.
 *
 * @throws {Error} Node's file system error if a file cannot be written.
 */
export async function writeReport(report: Report, folder: string): Promise<void> {
  await writeAtomically(join(folder, 'report.json'), `${JSON.stringify(report.json, null, 2)}\n`)
  await writeAtomically(join(folder, 'report.md'), report.markdown)
}

/** The temporary name is random and must be new. A name that others can guess could be a link to another file. */
async function writeAtomically(file: string, text: string): Promise<void> {
  const unfinished = `${file}.${randomUUID()}.tmp`
  try {
    await writeFile(unfinished, text, { flag: 'wx', mode: fileMode })
    await rename(unfinished, file)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}
