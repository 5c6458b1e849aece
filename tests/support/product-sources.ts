import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

export const productFolders = ['router', 'lib', 'tools', 'fixtures', 'workflows']

/** Every TypeScript file that the package is built from, relative to the repository. */
export function productSources(): readonly string[] {
  return productFolders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.tsx?$/.test(name))
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`),
  )
}
