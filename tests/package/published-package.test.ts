import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listScenarios } from '../../fixtures/load-scenario.ts'
import { type BuiltPackage, buildPackage, exportsOf, type Manifest, readManifest } from './support/build-package.ts'

const timeout = 60_000
let manifest: Manifest
/** Installed without and with the optional peers. */
let bare: BuiltPackage
let whole: BuiltPackage

beforeAll(async () => {
  manifest = await readManifest()
  const dependencies = Object.keys(manifest.dependencies)
  bare = await buildPackage(dependencies)
  whole = await buildPackage([...dependencies, ...Object.keys(manifest.peerDependencies)])
}, timeout)

afterAll(() => Promise.all([bare?.remove(), whole?.remove()]))

/** Values only: types leave no trace in a module. A name that is added here becomes public. */
const surface: Readonly<Record<string, readonly string[]>> = {
  tenrounds: [
    'LoopError',
    'ModelError',
    'TenroundsError',
    'createRouter',
    'defineTool',
    'isModelError',
    'minimax',
    'runLoop',
    'runTool',
  ],
  'tenrounds/tools': [
    'MetricsPageError',
    'analyzeMetrics',
    'applyFixSimulation',
    'classifyLogLines',
    'collectPostTelemetry',
    'fetchConfig',
    'fetchGpuStats',
    'fetchPrometheusMetrics',
    'fetchRuntimeState',
    'fetchSystemLogs',
    'fetchVllmLogs',
    'incidentTools',
    'parseMetricsPage',
    'validateImprovement',
  ],
  'tenrounds/incident': [
    'answerSchema',
    'collectTelemetry',
    'generateReport',
    'listScenarios',
    'runIncident',
    'runIncidentAgent',
  ],
  'tenrounds/opentelemetry': ['openTelemetry'],
  'tenrounds/testing': [
    'ScriptError',
    'faultTable',
    'faults',
    'findBrokenRule',
    'recordModel',
    'replayModel',
    'scriptedModel',
    'startMockServer',
  ],
  'tenrounds/temporal': ['loopActivity', 'runInActivity', 'toApplicationFailure'],
  'tenrounds/activities': ['createActivities'],
  'tenrounds/workflows': ['latencyWorkflow', 'statusQuery'],
}
const withoutTemporal = ['tenrounds', 'tenrounds/tools', 'tenrounds/incident', 'tenrounds/testing']

test('the list of entries is whole', () => {
  const entries = Object.keys(manifest.exports).filter((path) => path !== './package.json')
  expect(entries.map((path) => `${manifest.name}${path.slice(1)}`).sort()).toEqual(Object.keys(surface).sort())
})

test.each(Object.entries(surface))(
  '%s exports what is listed and nothing else',
  async (specifier, names) => {
    expect(await exportsOf(whole, specifier)).toEqual(names)
  },
  timeout,
)

test.each(withoutTemporal)(
  '%s loads where only the dependencies of the package are installed, and no Temporal',
  async (specifier) => {
    expect(await exportsOf(bare, specifier)).toEqual(surface[specifier])
  },
  timeout,
)

test.each(Object.keys(surface).filter((specifier) => !withoutTemporal.includes(specifier)))(
  '%s says which package is missing where its peers are not installed',
  async (specifier) => {
    await expect(exportsOf(bare, specifier)).rejects.toThrow(/Cannot find package '@(?:temporalio|opentelemetry)\/\w+'/)
  },
  timeout,
)

test('every path of the manifest exists after a build', async () => {
  const paths = [
    ...Object.values(manifest.exports).flatMap((target) =>
      typeof target === 'string' ? [target] : Object.values(target),
    ),
    ...Object.values(manifest.bin),
  ]
  expect(paths.length).toBeGreaterThan(Object.keys(surface).length)
  for (const path of paths) await expect(access(join(bare.path, path)), path).resolves.toBeUndefined()
})

test(
  'the built command runs: it finds the scenarios beside it',
  async () => {
    const { stdout } = await bare.node(manifest.bin['tenrounds'] ?? '', 'scenarios')
    expect(stdout.trim().split('\n')).toEqual(listScenarios())
  },
  timeout,
)

test(
  'the built library runs an incident behind its own mock server',
  async () => {
    const script = `
      import { minimax } from 'tenrounds'
      import { runIncident } from 'tenrounds/incident'
      import { startMockServer } from 'tenrounds/testing'
      import { incidentResponder } from './dist/lib/incident/responder/incident-responder.js'
      const mockServer = await startMockServer({ responder: incidentResponder() })
      const model = minimax({ url: mockServer.url, token: 'mock-server' })
      const { result } = await runIncident('kv_cache_pressure', { model })
      await model.close()
      await mockServer.close()
      console.log(result.validation.status)`
    const { stdout } = await bare.node('--input-type=module', '--eval', script)
    expect(stdout).toBe('improved\n')
  },
  timeout,
)
