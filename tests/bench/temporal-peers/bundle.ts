import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker'
import { type ContenderName, loadContender, workflowsPathOf } from './contender.ts'

const bundles = new Map<ContenderName, string>()

/** Bundles a contender's workflow once per process and returns the file. It is removed when the process exits. */
export async function bundleOf(name: ContenderName): Promise<string> {
  const known = bundles.get(name)
  if (known !== undefined) return known
  const { contend } = await loadContender(name)
  const { plugins = [] } = await contend({ baseUrl: 'http://127.0.0.1:1/v1', work: async () => '' })
  const { code } = await bundleWorkflowCode({
    workflowsPath: workflowsPathOf(name),
    plugins: [...plugins],
    logger: new DefaultLogger('ERROR'),
    // Agents' core loads a module lazily. Webpack would put it into a second file, which the sandbox cannot load.
    webpackConfigHook: (config) => ({
      ...config,
      module: { ...config.module, parser: { javascript: { dynamicImportMode: 'eager' } } },
    }),
  })
  const folder = mkdtempSync(join(tmpdir(), 'tenrounds-bundle-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, `${name}.js`)
  writeFileSync(file, code)
  bundles.set(name, file)
  return file
}
