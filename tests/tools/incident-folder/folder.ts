import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { openIncident } from '../../../tools/incident-folder/open-incident.ts'

export type Content = string | Uint8Array

/** A new folder with the given files. */
export async function folderOf(files: Readonly<Record<string, Content>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'incident-'))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), content)
  }
  return folder
}

/** The incident of such a folder, with the kinds of its files and the reasons for what was left out. */
export async function opened(files: Readonly<Record<string, Content>>) {
  return described(await folderOf(files))
}

export async function described(folder: string) {
  const incident = await openIncident(folder)
  const kinds = Object.fromEntries(incident.files.map(({ file, kind }) => [file, kind]))
  return { ...incident, kinds, reasons: incident.leftOut.map(({ file, reason }) => `${file}: ${reason}`) }
}
