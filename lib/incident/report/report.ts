import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Infer, Returnable } from '../../../router/schema.ts'
import { telemetrySchema } from '../../../tools/schemas/telemetry.ts'
import { type AgentResult, agentResultSchema } from '../agent/agent-result.ts'

/** The members that a report adds to the agent's result. */
const addedSchema = {
  type: 'object',
  required: ['report_version', 'scenario', 'notice', 'pre_telemetry'],
  properties: {
    report_version: { const: 1, description: 'Incremented when the meaning of a member changes.' },
    scenario: { type: 'string', minLength: 1, description: 'Id of the incident.' },
    notice: {
      type: ['string', 'null'],
      description: 'A sentence that the reader must see first, for example that no model was used.',
    },
    pre_telemetry: { ...telemetrySchema, description: "Telemetry of the incident's window, before any fix." },
  },
} as const

/** Schema of a {@link ReportDocument}, as `report.json` contains it. */
export const reportSchema = {
  ...agentResultSchema,
  required: [...addedSchema.required, ...agentResultSchema.required],
  properties: { ...addedSchema.properties, ...agentResultSchema.properties },
} as const

/** The report of one incident as a JSON document: the agent's result and what it is about. */
export type ReportDocument = AgentResult & Returnable<Infer<typeof addedSchema>>

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
