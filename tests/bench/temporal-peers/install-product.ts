import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const here = fileURLToPath(new URL('.', import.meta.url))

/**
 * Compiles the library into this folder's `node_modules`, as users get it. It then shares Temporal's packages with the
 * peers, in the version that they ask for.
 */
export function installProduct(): void {
  const folder = join(here, 'node_modules/tenrounds')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  cpSync(join(root, 'package.json'), join(folder, 'package.json'))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const project = join(here, 'tsconfig.product.json')
  execFileSync(process.execPath, [tsc, '-p', project, '--outDir', join(folder, 'dist')], { stdio: 'inherit' })
}
