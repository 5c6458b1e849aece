import { timeOf } from '../logs/log-time.ts'
import type { FolderFile, LeftOut } from './find-files.ts'
import { LogCarrier } from './log-carriers.ts'
import { LogSample } from './log-sample.ts'
import { cutLines, readLines } from './read-text.ts'

/** Longest line of a log in characters. The rest of a longer one is left out. */
const maxLineLength = 16_000

/** The lines of all files of one log, in order of their first times; `undefined` without files. */
export async function readLogs(
  files: readonly FolderFile[],
  leftOut: LeftOut[],
): Promise<readonly string[] | undefined> {
  if (files.length === 0) return undefined
  const parts: { readonly first: number; readonly lines: readonly string[] }[] = []
  for (const [index, file] of files.entries()) {
    const original = files.slice(0, index).find((other) => isCopy(file, other))
    if (original !== undefined) {
      leftOut.push({ file: file.name, reason: `It has the size and the start of ${original.name}, so it is a copy.` })
      continue
    }
    const sample = new LogSample()
    const carrier = new LogCarrier((line) => sample.add(line), maxLineLength)
    const { problems } = await readLines(file, (line) => carrier.add(line))
    carrier.end()
    const { lines, total, repeated } = sample.part()
    const skip = (reason: string) => leftOut.push({ file: file.name, reason })
    for (const problem of problems) skip(problem)
    if (carrier.shortened > 0) skip(cutLines(carrier.shortened, maxLineLength))
    if (lines.length < total)
      skip(`${total - lines.length} of ${total} lines between its start and its end were left out.`)
    for (const { line, count } of repeated.slice(0, 20))
      skip(`${count} lines like this one, of which 20 were kept: ${line.slice(0, 200)}`)
    const times = lines.map((line) => timeOf(line, file.modifiedMs))
    parts.push({ lines, first: times.find((time) => time !== undefined) ?? file.modifiedMs })
  }
  return parts.sort((a, b) => a.first - b.first).flatMap(({ lines }) => lines)
}

/** A copy would double the number of each message. */
function isCopy(file: FolderFile, other: FolderFile): boolean {
  return file.size === other.size && Buffer.compare(file.head, other.head) === 0
}
