import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Telemetry } from '../../../tools/types.ts'
import type { AgentResult } from '../agent/agent-result.ts'

/** The report of one incident as a JSON document: the agent's result and what it is about. */
export interface ReportDocument extends AgentResult {
  /** Incremented when the meaning of a field changes. */
  readonly report_version: 1
  /** Id of the incident. */
  readonly scenario: string
  /** A sentence that the reader must see first, for example that no model was used. Often `null`. */
  readonly notice: string | null
  /** Telemetry of the incident's window, before any fix. */
  readonly pre_telemetry: Telemetry
}

/** The report in its two forms. */
export interface Report {
  /** Content of `report.json`. */
  readonly json: ReportDocument
  /** Content of `report.md`. */
  readonly markdown: string
}

/**
 * Creates the folder of a run inside `directory`, with all parents.
 *
 * @throws {Error} Node's file system error if it cannot be created.
 */
export async function reportFolder(directory: string, runId: string): Promise<string> {
  const folder = join(directory, runId)
  await mkdir(folder, { recursive: true })
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

async function writeAtomically(file: string, text: string): Promise<void> {
  const unfinished = `${file}.${process.pid}.tmp`
  await writeFile(unfinished, text)
  await rename(unfinished, file)
}
