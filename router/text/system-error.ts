import { errorMessage } from '../errors.ts'

/** Meanings of Node's codes of system errors, for a file, a folder or an address. Each follows "cannot be …: ". */
const problems: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'you do not have permission'],
  ['EPERM', 'you do not have permission'],
  ['EADDRINUSE', 'another program uses it'],
  ['EADDRNOTAVAIL', 'this machine does not have the address'],
  ['EEXIST', 'it exists already'],
  ['EINVAL', 'the path is not valid'],
  ['EISDIR', 'it is a folder'],
  ['ELOOP', 'its links form a circle'],
  ['EMFILE', 'too many files are open'],
  ['ENAMETOOLONG', 'its name is too long'],
  ['ENOENT', 'it does not exist'],
  ['ENOSPC', 'no space is left on the device'],
  ['ENOTDIR', 'a part of the path is a file, not a folder'],
  ['EROFS', 'the file system is read-only'],
])

/** Code of Node's system error, such as `ENOENT`; `undefined` for any other value. */
export function systemErrorCode(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** A system error in words, without a full stop. Any other error: its message. */
export function systemProblem(error: unknown): string {
  return problems.get(systemErrorCode(error) ?? '') ?? errorMessage(error).replace(/\.$/, '')
}
