import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs'
import { dirname } from 'node:path'
import { isObject } from '../../../router/json.ts'
import type { CassetteEntry } from './entry.ts'

/**
 * Makes a cassette ready to be written: creates its folder, and cuts off a last line that a killed process left
 * half-written, which would else run into the next one.
 */
export function openCassette(file: string): void {
  mkdirSync(dirname(file), { recursive: true })
  if (!existsSync(file)) return
  const bytes = readFileSync(file)
  truncateSync(file, bytes.lastIndexOf('\n') + 1)
}

/** Appends one line in one write, so that a killed process leaves whole lines, and at most the last one torn. */
export function appendEntry(file: string, entry: CassetteEntry): void {
  appendFileSync(file, `${JSON.stringify(entry)}\n`)
}

/** @throws {Error} where the file is missing, or a line other than a torn last one is no entry of this version. */
export function readCassette(file: string): readonly CassetteEntry[] {
  if (!existsSync(file)) throw new Error(`There is no cassette ${file}. Record it with recordModel(model, file).`)
  const lines = readFileSync(file, 'utf8').split('\n')
  // Every whole line ends in a line break: what stands behind the last one was torn.
  lines.pop()
  return lines.flatMap((line, index) => (line.trim() === '' ? [] : [readEntry(line, `${file}:${index + 1}`)]))
}

function readEntry(line: string, place: string): CassetteEntry {
  const entry = parse(line)
  if (!isObject(entry)) throw new Error(`${place} is not JSON. Restore the file, or record the cassette anew.`)
  if (entry['version'] !== 1 || typeof entry['key'] !== 'string' || !isObject(entry['outcome'])) {
    throw new Error(
      `${place} is no entry of version 1 (version: ${JSON.stringify(entry['version'])}). Record the cassette anew.`,
    )
  }
  return entry as object as CassetteEntry
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
