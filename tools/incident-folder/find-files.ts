import { lstat, open, readdir } from 'node:fs/promises'
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

/**
 * Finds the regular files of a folder and its subfolders, sorted by name. Hidden files, links, and files that cannot be
 * opened are left out, each with the reason.
 *
 * @throws {Error} Node's file system error if the folder itself cannot be read.
 */
export async function findFiles(folder: string): Promise<FoundFiles> {
  const files: FolderFile[] = []
  const leftOut: LeftOut[] = []
  const visit = async (directory: string, prefix: string, depth: number): Promise<void> => {
    const entries = await readdir(directory, { withFileTypes: true })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = `${prefix}${entry.name}`
      if (entry.name.startsWith('.')) continue
      const skip = (reason: string) => leftOut.push({ file: name, reason })
      if (entry.isSymbolicLink()) skip('It is a link. Links are not followed; copy the file into the folder.')
      else if (entry.isDirectory()) {
        if (depth >= maxDepth) skip(`It is more than ${maxDepth} folders deep.`)
        else await visit(join(directory, entry.name), `${name}/`, depth + 1)
      } else if (!entry.isFile()) skip('It is not a regular file.')
      else if (files.length >= maxFiles) skip(`The folder has more than ${maxFiles} files.`)
      else {
        const found = await stateOf(name, join(directory, entry.name)).catch((error: unknown) => errorMessage(error))
        if (typeof found === 'string') skip(`It cannot be read: ${found}`)
        else if (found.size === 0) skip('It is empty.')
        else files.push(found)
      }
    }
  }
  await visit(folder, '', 0)
  return { files, leftOut }
}

async function stateOf(name: string, path: string): Promise<FolderFile> {
  const { size, mtimeMs } = await lstat(path)
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(Math.min(size, headBytes)), position: 0 })
    return { name, path, size, modifiedMs: mtimeMs, head: buffer.subarray(0, bytesRead) }
  } finally {
    await file.close()
  }
}
