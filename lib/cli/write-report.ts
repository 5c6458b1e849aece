import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Report } from '../report/report.ts'

/** Writes `<directory>/<run>/report.json` and `report.md`; returns the folder. */
export async function writeReport(report: Report, directory: string): Promise<string> {
  const folder = join(directory, report.json.agent_trace.run_id)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'report.json'), `${JSON.stringify(report.json, null, 2)}\n`)
  await writeFile(join(folder, 'report.md'), report.markdown)
  return folder
}
