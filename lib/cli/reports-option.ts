import { access, constants, mkdir } from 'node:fs/promises'
import { UsageError } from './exit-code.ts'

/** Makes the folder of all reports, before any run is paid for. @throws {UsageError} where none could be written into it. */
export async function checkReports(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
  } catch (error) {
    throw unwritableReports(folder, error)
  }
}

export function unwritableReports(folder: string, error: unknown): UsageError {
  const why = error instanceof Error ? error.message : String(error)
  return new UsageError(`Reports cannot be written to ${folder}: ${why}. Give another folder with --reports.`)
}
