import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BuiltPackage, buildPackage, readManifest } from '../package/support/build-package.ts'

const timeout = 60_000
/** Installed without the optional peers. */
let bare: BuiltPackage
let main: string

beforeAll(async () => {
  const { dependencies, bin } = await readManifest()
  bare = await buildPackage(Object.keys(dependencies))
  main = bin['tenrounds'] ?? ''
}, timeout)

afterAll(() => bare?.remove())

test.each([['worker'], ['start', 'kv_cache_pressure'], ['watch', 'some-id']])(
  'without Temporal installed "tenrounds %s" says in one line what to install',
  async (...args) => {
    const failed = await bare.node(main, ...args).then(
      () => undefined,
      (error: { readonly code: number; readonly stderr: string }) => error,
    )
    expect(failed?.code).toBe(2)
    expect(failed?.stderr).toMatch(
      /^tenrounds: "tenrounds \w+" needs @temporalio\/\w+.*npm install .*@temporalio\/worker.*\n$/,
    )
  },
  timeout,
)

test(
  'without Temporal installed the help is there',
  async () => {
    expect((await bare.node(main, 'help')).stdout).toContain('tenrounds worker')
  },
  timeout,
)
