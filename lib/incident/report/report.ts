import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Telemetry } from '../../../tools/types.ts'
import type { AgentResult } from '../agent/agent-result.ts'

/** The report of one incident as a document; `report_version` changes when a field changes its meaning. */
export interface ReportDocument extends AgentResult {
  readonly report_version: 1
  readonly scenario: string
  /** What a reader has to know before anything else, e.g. that no model was involved. */
  readonly notice: string | null
  readonly pre_telemetry: Telemetry
}

export interface Report {
  readonly json: ReportDocument
  readonly markdown: string
}

/** Makes the folder of a run. @throws {Error} Node's, where it cannot be made. */
export async function reportFolder(directory: string, runId: string): Promise<string> {
  const folder = join(directory, runId)
  await mkdir(folder, { recursive: true })
  return folder
}

/** Writes `report.json` and `report.md`, each as a whole or not at all. */
export async function writeReport(report: Report, folder: string): Promise<void> {
  await writeWhole(join(folder, 'report.json'), `${JSON.stringify(report.json, null, 2)}\n`)
  await writeWhole(join(folder, 'report.md'), report.markdown)
}

async function writeWhole(file: string, text: string): Promise<void> {
  const unfinished = `${file}.${process.pid}.tmp`
  await writeFile(unfinished, text)
  await rename(unfinished, file)
}
