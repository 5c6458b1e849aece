import { createHash, randomUUID } from 'node:crypto'
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { InvalidOptionError, TenroundsError } from '../../../router/errors.ts'
import { systemErrorCode } from '../../../router/text/system-error.ts'
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
  await createFolder(resolve(folder), folderMode)
}

/**
 * Creates a folder level by level. Node's own recursive form never ends on a file system that accepts no new folders and
 * says that the parent is missing, as /proc does.
 *
 * @param folder absolute path.
 * @param mode of the new folders. @defaultValue that of the process
 * @throws {Error} Node's file system error if it cannot be created, or a part of the path is a file.
 */
export async function createFolder(folder: string, mode?: number): Promise<void> {
  const found = await stat(folder).catch((error: unknown) => {
    if (systemErrorCode(error) !== 'ENOENT') throw error
  })
  if (found?.isDirectory()) return
  if (found !== undefined) throw new TenroundsError('not_a_folder', 'it is a file, not a folder')
  const parent = dirname(folder)
  if (parent !== folder) await createFolder(parent, mode)
  await mkdir(folder, { mode }).catch((error: unknown) => {
    const code = systemErrorCode(error)
    if (code === 'ENOENT') throw new TenroundsError('not_a_folder', `${parent} accepts no new folders`)
    // Another process was faster.
    if (code !== 'EEXIST') throw error
  })
}

/** The parts of the name of a report folder. */
export interface ReportFolderParts {
  /** Id of the incident. It can be any text. */
  readonly scenario: string
  /** Start of the run or of its workflow. */
  readonly startedAt: Date
  /** Id that no other run has. Only its hash is in the name. */
  readonly id: string
}

/** Longest part of a folder name that comes from the id of an incident. */
const maxScenarioLength = 80

/**
 * The name of the folder for one report, for example `kv_cache_pressure-20260217T141500Z-3f8a1c92`. Folders of one incident
 * sort by age. The end keeps runs apart that start in the same second. The same parts give the same name.
 *
 * It has only letters, digits, `_` and `-`, so it is one safe name on every file system.
 */
export function reportFolderName({ scenario, startedAt, id }: ReportFolderParts): string {
  const name = scenario.replace(/^-|[^A-Za-z0-9_-]+/g, '_').slice(0, maxScenarioLength)
  const time = startedAt.toISOString().replace(/[-:]|\.\d+/g, '')
  // Two ids can have the same letters and digits, so the whole id of the incident is in the hash, too.
  const end = createHash('sha256').update(`${scenario}\0${id}`).digest('hex').slice(0, 8)
  return `${name || 'incident'}-${time}-${end}`
}

/**
 * Creates the folder of a run inside `directory`, with all parents.
 *
 * @param name from {@link reportFolderName}.
 * @returns its path.
 * @throws {InvalidOptionError} if the name could lead out of the directory.
 * @throws {Error} Node's file system error if it cannot be created.
 */
export async function reportFolder(directory: string, name: string): Promise<string> {
  if (!/^[A-Za-z0-9_-]+$/.test(name)) {
    throw new InvalidOptionError(
      `The name of a report folder must have only letters, digits, _ and -, not ${JSON.stringify(name)}. Use reportFolderName.`,
    )
  }
  const folder = join(directory, name)
  await createReportFolder(folder)
  return folder
}

/**
 * Writes `report.json`, `report.md` and `report.html`. Readers see either the complete file or the previous one.
 *
 * @throws {Error} Node's file system error if a file cannot be written.
 */
export async function writeReport(report: Report, folder: string): Promise<void> {
  await writeAtomically(join(folder, 'report.json'), `${JSON.stringify(report.json, null, 2)}\n`)
  await writeAtomically(join(folder, 'report.md'), report.markdown)
  // Only here, so that nobody who writes no files waits for the renderer.
  const { renderHtml } = await import('./html/render-html.tsx')
  await writeAtomically(join(folder, 'report.html'), renderHtml(report.json))
}

/** The temporary name is random and must be new. A name that others can guess could be a link to another file. */
export async function writeAtomically(file: string, text: string): Promise<void> {
  const unfinished = `${file}.${randomUUID()}.tmp`
  try {
    await writeFile(unfinished, text, { flag: 'wx', mode: fileMode })
    await rename(unfinished, file)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}
