import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))
export const tsc = join(root, 'node_modules/typescript/bin/tsc')

/** Below node_modules, so that git does not see it and the product's own dependencies are found from it. */
const built = join(root, `node_modules/.cache/tenrounds-bench-${process.pid}`)

/**
 * The library as users get it: compiled by tsc. Run straight from source, tsx would wrap every closure (esbuild's
 * `keepNames`), which no user pays for.
 */
export async function loadProduct(): Promise<typeof import('../../lib/index.ts')> {
  if (!existsSync(built)) build()
  return import(pathToFileURL(join(built, 'lib/index.js')).href)
}

function build(): void {
  mkdirSync(built, { recursive: true })
  process.on('exit', () => rmSync(built, { recursive: true, force: true }))
  writeFileSync(join(built, 'package.json'), '{"type":"module"}')
  const project = fileURLToPath(new URL('tsconfig.product.json', import.meta.url))
  execFileSync(process.execPath, [tsc, '-p', project, '--outDir', built], { stdio: 'inherit' })
}
