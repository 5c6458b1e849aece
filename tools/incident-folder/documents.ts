import type { FolderFile, LeftOut } from './find-files.ts'
import type { FolderSecrets } from './folder-secrets.ts'
import { wholeText } from './read-text.ts'

/** Largest document in bytes of text. Kubernetes allows a manifest 1.5 MiB. */
const maxDocumentBytes = 2 * 2 ** 20

/** Documents that are read as a whole. Of several of one kind the last by name counts. */
export class Documents {
  readonly #leftOut: LeftOut[]
  readonly #notUsed: Set<string>
  readonly #secrets: FolderSecrets

  constructor(leftOut: LeftOut[], notUsed: Set<string>, secrets: FolderSecrets) {
    this.#leftOut = leftOut
    this.#notUsed = notUsed
    this.#secrets = secrets
  }

  /** Says that a file is not used, and why. */
  skip(file: string, reason: string): void {
    this.#leftOut.push({ file, reason })
    this.#notUsed.add(file)
  }

  /** The value of the last file by name. @param read returns `undefined` if nothing in the text is recognised. */
  async last<T>(
    files: readonly FolderFile[],
    read: (file: string, text: string) => T | undefined,
    maxBytes = maxDocumentBytes,
  ): Promise<T | undefined> {
    const found = await this.all(files, read, maxBytes)
    const last = found.at(-1)
    for (const { file } of found.slice(0, -1))
      this.skip(file, `It is not used, because ${last?.file} is of the same kind and the last one by name counts.`)
    return last?.value
  }

  /** The values of all files that can be read as a whole, by name. */
  async all<T>(
    files: readonly FolderFile[],
    read: (file: string, text: string) => T | undefined,
    maxBytes = maxDocumentBytes,
  ): Promise<readonly { readonly file: string; readonly value: T }[]> {
    const found: { readonly file: string; readonly value: T }[] = []
    for (const file of files) {
      if (file.size > maxBytes) {
        this.skip(file.name, `It is not used, because it is larger than ${maxBytes / 2 ** 20} MiB.`)
        continue
      }
      const { text, problems, isWhole } = await wholeText(file, maxBytes)
      for (const reason of problems) this.#leftOut.push({ file: file.name, reason })
      this.#secrets.learn(text)
      const value = isWhole ? read(file.name, text) : undefined
      // A part of a document can say something else than the whole.
      if (!isWhole) this.skip(file.name, 'It is not used, because it could not be read as a whole.')
      else if (value === undefined) this.skip(file.name, 'Nothing in it is recognised.')
      else found.push({ file: file.name, value })
    }
    return found
  }
}
