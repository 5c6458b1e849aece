import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))

/** The fields of `package.json` that the tests read. */
export interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
  readonly bin: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
}

/** Reads `package.json` of the repository. */
export async function readManifest(): Promise<Manifest> {
  return JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
}

/** A built copy of the package. */
export interface BuiltPackage {
  readonly path: string
  /** Runs Node in the folder of the package, where `tenrounds` resolves to its exports. */
  node(...args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }>
  remove(): Promise<void>
}

/** Builds the package as it is published into a temporary folder whose `node_modules` has only the `installed` packages. */
export async function buildPackage(installed: readonly string[]): Promise<BuiltPackage> {
  const path = await mkdtemp(join(tmpdir(), 'tenrounds-package-'))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  await run(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', join(path, 'dist')])
  const filter = (source: string) => !source.endsWith('.ts')
  for (const folder of ['fixtures', 'tools/arguments']) {
    await cp(join(root, folder), join(path, 'dist', folder), { recursive: true, filter })
  }
  await cp(join(root, 'package.json'), join(path, 'package.json'))
  for (const name of installed) {
    const link = join(path, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(root, 'node_modules', name), link)
  }
  return {
    path,
    node: (...args) => run(process.execPath, args, { cwd: path, env: { PATH: process.env['PATH'] } }),
    remove: () => rm(path, { recursive: true, force: true }),
  }
}

/** The names of the values that an entry exports, as Node sees them. */
export async function exportsOf({ node }: BuiltPackage, specifier: string): Promise<readonly string[]> {
  const script = `import * as entry from ${JSON.stringify(specifier)}\nconsole.log(JSON.stringify(Object.keys(entry)))`
  const { stdout } = await node('--input-type=module', '--eval', script)
  return JSON.parse(stdout)
}
