import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))
export const tsc = join(root, 'node_modules/typescript/bin/tsc')

/** In node_modules, so that git ignores it and Node finds the library's dependencies from it. */
const built = join(root, `node_modules/.cache/tenrounds-bench-${process.pid}`)

/**
 * The library as users get it, compiled by tsc. If it ran from source, tsx would wrap every closure (esbuild's
 * `keepNames`), and that cost would be measured.
 */
export async function loadProduct(): Promise<typeof import('../../lib/index.ts')> {
  buildProduct()
  return import(pathToFileURL(join(built, 'lib/index.js')).href)
}

/** Compiles the library once per process and returns the folder. It is removed when the process exits. */
export function buildProduct(): string {
  if (existsSync(built)) return built
  mkdirSync(built, { recursive: true })
  process.on('exit', () => rmSync(built, { recursive: true, force: true }))
  writeFileSync(join(built, 'package.json'), '{"type":"module"}')
  const project = fileURLToPath(new URL('tsconfig.product.json', import.meta.url))
  execFileSync(process.execPath, [tsc, '-p', project, '--outDir', built], { stdio: 'inherit' })
  return built
}
