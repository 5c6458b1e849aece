import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type ReportDocument, readReport } from '../../../lib/incident/index.ts'

/**
 * Expects that the folder has one report of this scenario, and that its files are complete.
 *
 * @returns the content of its `report.json`.
 */
export async function completeReport(directory: string, scenario: string): Promise<ReportDocument> {
  const folders = (await readdir(directory)).filter((name) => name.startsWith(`${scenario}-`))
  expect(folders).toEqual([expect.stringMatching(/^\w+-\d{8}T\d{6}Z-[0-9a-f]{8}$/)])
  return readCompleteReport(join(directory, folders[0] ?? ''), scenario)
}

/** Expects that the files of a report are complete. @returns the content of `report.json`. */
export async function readCompleteReport(folder: string, scenario: string): Promise<ReportDocument> {
  const files = await readdir(folder)
  expect(files).toEqual(expect.arrayContaining(['report.html', 'report.json', 'report.md']))
  expect(files.filter((file) => file.endsWith('.tmp'))).toEqual([])
  const document = readReport(await readFile(join(folder, 'report.json'), 'utf8'))
  expect(document.scenario).toBe(scenario)
  expect(await readFile(join(folder, 'report.md'), 'utf8')).toContain(scenario)
  return document
}
