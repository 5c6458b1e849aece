import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

const documents = ['README.md', 'workflows/README.md']

/** The examples of the documents by file name: each fence that follows `<!-- example: name.ts -->`. */
export async function readExamples(): Promise<ReadonlyMap<string, string>> {
  const texts = await Promise.all(documents.map((file) => readFile(join(root, file), 'utf8')))
  const fences = texts.join('\n').matchAll(/<!-- example: ([\w-]+\.ts) -->\n```ts\n(.*?)```/gs)
  return new Map([...fences].map(([, name = '', code = '']) => [name, code]))
}

const entries: Readonly<Record<string, string>> = {
  tenrounds: 'lib/index.ts',
  'tenrounds/tools': 'tools/index.ts',
  'tenrounds/incident': 'lib/incident/index.ts',
  'tenrounds/temporal': 'lib/temporal/index.ts',
  'tenrounds/mcp': 'lib/mcp/index.ts',
  'tenrounds/testing': 'lib/testing/index.ts',
}

/** Writes the examples into a folder of their own, where `tenrounds` means the sources, and returns the folder. */
export async function writeExamples(name: string): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const folder = join(root, 'tests/readme/.examples', name)
  await mkdir(folder, { recursive: true })
  for (const [file, code] of await readExamples()) await writeFile(join(folder, file), code)
  const paths = Object.fromEntries(Object.entries(entries).map(([entry, file]) => [entry, [join(root, file)]]))
  const tsconfig = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { paths, noUnusedLocals: true },
    include: ['./*.ts'],
    exclude: [],
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}

/** Command-line tools of the repository, run by this very Node. */
export const bin = {
  tsc: join(root, 'node_modules/typescript/bin/tsc'),
  tsx: join(root, 'node_modules/tsx/dist/cli.mjs'),
}

export const repository = dirname(join(root, 'package.json'))
