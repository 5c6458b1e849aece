import { access, constants, open, readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { canonicalJson, parseJson, unparsable } from '../../../router/json/json.ts'
import { systemProblem } from '../../../router/text/system-error.ts'
import { compileSchema } from '../../../router/validation.ts'
import { createReportFolder, writeAtomically } from '../report/report-files.ts'
import {
  type EvaluationDocument,
  EvaluationError,
  type EvaluationSettings,
  type RunRecord,
  runRecordSchema,
  settingsSchema,
} from './evaluation-schema.ts'
import { renderEvaluationMarkdown } from './evaluation-text.ts'

// The first line of `runs.jsonl` has the settings, each other line one run. A line is written at once and is on the disk
// before the next run starts. If the process is killed while it writes, the last line has no end and is dropped.

/** Name of the file in the folder of an evaluation. */
export const runsFile = 'runs.jsonl'

/** Mode of the file: its lines have words of models and figures of deployments. */
const fileMode = 0o600

/** The runs of an evaluation on the disk. */
export interface ResultsFile {
  /** Runs that were there before. A run can have several records; the last one counts. */
  readonly earlier: readonly RunRecord[]
  /** Adds a run. It is on the disk when the promise resolves. */
  append(record: RunRecord): Promise<void>
  /** Closes the file. */
  close(): Promise<void>
}

/**
 * Opens the file of an evaluation, and creates the folder if it does not exist.
 *
 * @param resume whether the folder may have runs already.
 * @throws {EvaluationError} if the folder cannot be written, if it has runs and `resume` is not set, if they have other
 * settings, or if they are damaged.
 */
export async function openResults(folder: string, settings: EvaluationSettings, resume: boolean): Promise<ResultsFile> {
  try {
    await createReportFolder(folder)
    await access(folder, constants.W_OK)
  } catch (error) {
    const problem = `The evaluation cannot be written to ${folder}: ${systemProblem(error)}.`
    throw new EvaluationError('unwritable_folder', `${problem} Choose another folder with --out.`)
  }
  const path = join(folder, runsFile)
  const { lines, bytes } = await completeLines(path)
  const [first, ...others] = lines
  if (first !== undefined && !resume) {
    throw new EvaluationError(
      'already_started',
      `${path} has ${others.length} runs already. Continue them with --resume, or choose another folder with --out.`,
    )
  }
  if (first !== undefined) checkSettings(first, settings, path)
  const earlier = others.map((line, index) => readRecord(line, `${path}:${index + 2}`))
  // A record of an earlier attempt stays in the file, so the file also shows which runs were repeated.
  // The rest after the last complete line is a part of a line.
  if (bytes > 0) await truncate(path, bytes)
  const file = await open(path, bytes > 0 ? 'a' : 'w', fileMode)
  const write = async (value: object) => {
    await file.appendFile(`${JSON.stringify(value)}\n`)
    await file.datasync()
  }
  if (first === undefined) await write(settings)
  let last = Promise.resolve()
  return {
    earlier,
    append: (record) => {
      // One line after the other, because concurrent writes could mix.
      last = last.then(() => write(record))
      return last
    },
    close: () => file.close(),
  }
}

/** The lines that end with a line break, and their length in bytes. */
async function completeLines(path: string): Promise<{ readonly lines: readonly string[]; readonly bytes: number }> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const complete = text.slice(0, text.lastIndexOf('\n') + 1)
  return { lines: complete.split('\n').slice(0, -1), bytes: Buffer.byteLength(complete) }
}

/**
 * Compares the settings of the file with those of this evaluation.
 *
 * @throws {EvaluationError} that names each difference with both values.
 */
function checkSettings(line: string, settings: EvaluationSettings, path: string): void {
  const found = parseJson(line)
  if (!isSettings(found)) {
    const problem = `${path}:1 has no settings of this release. It was written by another one, or is damaged.`
    throw new EvaluationError('damaged_results', `${problem} Choose another folder with --out.`)
  }
  const differences = Object.entries(settings).flatMap(([name, value]) => {
    const before = Object.entries(found).find(([other]) => other === name)?.[1]
    if (canonicalJson(before) === canonicalJson(value)) return []
    return [`${name} was ${JSON.stringify(before)} and is ${JSON.stringify(value)}`]
  })
  if (differences.length === 0) return
  throw new EvaluationError(
    'other_settings',
    `${path} has runs of other settings: ${differences.join('; ')}. Use the same settings, or another folder with --out.`,
  )
}

/** @throws {EvaluationError} with the file and the line if it is not a record. */
function readRecord(line: string, place: string): RunRecord {
  const value = parseJson(line)
  if (isRecord(value)) return value
  const problem = value === unparsable ? 'is not JSON' : 'is not a run of this release'
  throw new EvaluationError(
    'damaged_results',
    `${place} ${problem}. Remove the line, or choose another folder with --out.`,
  )
}

function isSettings(value: unknown): value is EvaluationSettings {
  return compileSchema(settingsSchema)(value).length === 0
}

function isRecord(value: unknown): value is RunRecord {
  return compileSchema(runRecordSchema)(value).length === 0
}

/**
 * Writes `eval.json`, `eval.md` and `eval.html`. Readers see either the complete file or the previous one.
 *
 * @throws {Error} Node's file system error if a file cannot be written.
 */
export async function writeEvaluation(document: EvaluationDocument, folder: string): Promise<void> {
  // Loaded here, because a command that writes no page does not need the renderer.
  const { renderEvaluationHtml } = await import('./evaluation-html.tsx')
  await writeAtomically(join(folder, 'eval.json'), `${JSON.stringify(document, null, 2)}\n`)
  await writeAtomically(join(folder, 'eval.md'), renderEvaluationMarkdown(document))
  await writeAtomically(join(folder, 'eval.html'), renderEvaluationHtml(document))
}
