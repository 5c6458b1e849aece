import { constants } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errorMessage } from '../../router/errors.ts'

// Finds the files of an incident folder. Links are not followed, so that a folder never reaches files outside it.

/** A regular file of the folder, with its state when the folder was read. */
export interface FolderFile {
  /** Path relative to the folder, with `/`. */
  readonly name: string
  /** Absolute path. */
  readonly path: string
  /** Bytes when the folder was read. What is written to the file later is not read. */
  readonly size: number
  /** Last change, in Unix milliseconds. */
  readonly modifiedMs: number
  /** The first bytes. */
  readonly head: Uint8Array
}

/** A file, or a part of one, that was left out. */
export interface LeftOut {
  /** Path relative to the folder. */
  readonly file: string
  /** Why, in one sentence. */
  readonly reason: string
}

/** Files of a folder. */
interface FoundFiles {
  readonly files: readonly FolderFile[]
  readonly leftOut: readonly LeftOut[]
}

/** Bytes that are enough to recognise a file. */
const headBytes = 64 * 1024
/** Levels of subfolders that are read. */
const maxDepth = 4
/** Most files that are read. A folder of an incident has a few dozen. */
const maxFiles = 1_000

/** Most entries of all folders together. */
const maxEntries = 100_000

/**
 * Finds the regular files of a folder and its subfolders, sorted by name. Hidden files, links, and files that cannot be
 * opened are left out, each with the reason.
 *
 * @param isKnown whether a name says the kind of its file. Of very many files these are read first.
 * @throws {Error} Node's file system error if the folder itself cannot be read.
 */
export async function findFiles(folder: string, isKnown: (name: string) => boolean): Promise<FoundFiles> {
  const leftOut: LeftOut[] = []
  const names: string[] = []
  let entries = 0
  const visit = async (prefix: string, depth: number): Promise<void> => {
    for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
      const name = `${prefix}${entry.name}`
      if (entry.name.startsWith('.') || ++entries > maxEntries) continue
      const skip = (reason: string) => leftOut.push({ file: name, reason })
      if (entry.isSymbolicLink()) skip('It is a link. Links are not followed; copy the file into the folder.')
      else if (entry.isDirectory()) {
        if (depth >= maxDepth) skip(`It is more than ${maxDepth} folders deep.`)
        else await visit(`${name}/`, depth + 1).catch((error: unknown) => skip(unreadable(error)))
      } else if (entry.isFile()) names.push(name)
      else skip(notRegular)
    }
  }
  await visit('', 0)
  if (entries > maxEntries) leftOut.push({ file: '.', reason: `Of ${entries} entries ${maxEntries} were looked at.` })
  const files: FolderFile[] = []
  for (const name of [...names.filter(isKnown), ...names.filter((name) => !isKnown(name))]) {
    const skip = (reason: string) => leftOut.push({ file: name, reason })
    if (files.length >= maxFiles) {
      skip(`The folder has ${names.length} files, of which ${maxFiles} were read.`)
      continue
    }
    const found = await stateOf(name, join(folder, name)).catch(unreadable)
    if (typeof found === 'string') skip(found)
    else if (found.size === 0) skip('It is empty.')
    else files.push(found)
  }
  const byName = (a: string, b: string) => (a < b ? -1 : 1)
  files.sort((a, b) => byName(a.name, b.name))
  leftOut.sort((a, b) => byName(a.file, b.file))
  return { files, leftOut }
}

const notRegular = 'It is not a regular file.'

function unreadable(error: unknown): string {
  return `It cannot be read: ${errorMessage(error)}.`
}

/** @returns why the file is not read, if it is not. */
async function stateOf(name: string, path: string): Promise<FolderFile | string> {
  // Something else can have taken the place of the file since. Opening a pipe must not wait, and a link is not followed.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const state = await file.stat()
    if (!state.isFile()) return notRegular
    const { size, mtimeMs } = state
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(Math.min(size, headBytes)), position: 0 })
    return { name, path, size, modifiedMs: mtimeMs, head: buffer.subarray(0, bytesRead) }
  } finally {
    await file.close()
  }
}
