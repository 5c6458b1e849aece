import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listScenarios } from '../../fixtures/load-scenario.ts'
import { type BuiltPackage, buildPackage, exportsOf, type Manifest, readManifest } from './support/build-package.ts'

let manifest: Manifest
/** Installed without the optional peer dependencies. */
let bare: BuiltPackage
/** Installed with them. */
let complete: BuiltPackage

beforeAll(async () => {
  manifest = await readManifest()
  const dependencies = Object.keys(manifest.dependencies)
  bare = await buildPackage(dependencies)
  complete = await buildPackage([...dependencies, ...Object.keys(manifest.peerDependencies)])
})

afterAll(() => Promise.all([bare?.remove(), complete?.remove()]))

/** The public values of each entry; types do not exist at run time. Adding a name here makes it public. */
const surface: Readonly<Record<string, readonly string[]>> = {
  tenrounds: [
    'InvalidOptionError',
    'InvalidToolError',
    'LoopError',
    'ModelError',
    'TenroundsError',
    'createRouter',
    'defineTool',
    'isModelError',
    'minimax',
    'runLoop',
    'runTool',
    'summarizeRun',
  ],
  'tenrounds/tools': [
    'ConfigError',
    'MetricsPageError',
    'NotSimulatedError',
    'PagesError',
    'activeParameterCount',
    'analyzeMetrics',
    'applyFixSimulation',
    'architectureFromConfig',
    'builtInScenarios',
    'calibrateStepTime',
    'classifyLogLines',
    'collectPostTelemetry',
    'createIncidentTools',
    'fetchConfig',
    'fetchGpuStats',
    'fetchPrometheusMetrics',
    'fetchRuntimeState',
    'fetchSystemLogs',
    'fetchVllmLogs',
    'groupLogLines',
    'incidentTools',
    'inferScenario',
    'kvBytesPerToken',
    'parameterCount',
    'parseMetricsPage',
    'predict',
    'scenarioSource',
    'telemetryFromPages',
    'validateImprovement',
    'weightBytes',
  ],
  'tenrounds/incident': [
    'EvaluationError',
    'IncidentFolderError',
    'ReportError',
    'agentResultSchema',
    'answerSchema',
    'armNames',
    'collectTelemetry',
    'diagnosisSchema',
    'evaluate',
    'evaluationSchema',
    'generateReport',
    'listScenarios',
    'openIncident',
    'readReport',
    'renderEvaluationHtml',
    'renderEvaluationMarkdown',
    'renderHtml',
    'renderMarkdown',
    'reportSchema',
    'reportVersion',
    'runIncident',
    'runIncidentAgent',
    'runRecordSchema',
  ],
  'tenrounds/mcp': ['McpToolsError', 'mcpTools'],
  'tenrounds/opentelemetry': ['openTelemetry'],
  'tenrounds/testing': [
    'CassetteError',
    'FaultError',
    'ScriptError',
    'faultTable',
    'faults',
    'findBrokenRule',
    'recordModel',
    'replayModel',
    'scriptedModel',
    'startMockServer',
  ],
  'tenrounds/temporal': ['loopActivity', 'runInActivity', 'takeoverWorkerOptions', 'toApplicationFailure'],
  'tenrounds/activities': ['createActivities'],
  'tenrounds/workflows': ['latencyWorkflow'],
  'tenrounds/worker': [
    'MissingPackageError',
    'TemporalConnectionError',
    'connectClient',
    'createWorker',
    'runWorker',
    'startIncident',
    'viewIncident',
  ],
}
const entriesWithoutPeers = [
  'tenrounds',
  'tenrounds/tools',
  'tenrounds/incident',
  'tenrounds/mcp',
  'tenrounds/testing',
  'tenrounds/worker',
]

test('the surface of every entry is listed', () => {
  const entries = Object.keys(manifest.exports).filter((path) => path !== './package.json')
  expect(entries.map((path) => `${manifest.name}${path.slice(1)}`).sort()).toEqual(Object.keys(surface).sort())
})

test.each(Object.entries(surface))('%s exports the listed values and nothing else', async (specifier, names) => {
  expect(await exportsOf(complete, specifier)).toEqual(names)
})

test.each(entriesWithoutPeers)('%s can be imported without the optional packages', async (specifier) => {
  expect(await exportsOf(bare, specifier)).toEqual(surface[specifier])
})

test.each(Object.keys(surface).filter((specifier) => !entriesWithoutPeers.includes(specifier)))(
  'importing %s without its optional packages names the missing one',
  async (specifier) => {
    await expect(exportsOf(bare, specifier)).rejects.toThrow(/Cannot find package '@(?:temporalio|opentelemetry)\/\w+'/)
  },
)

test.each(['connectClient()', 'createWorker({ connection: {} })', 'runWorker()'])(
  '%s of tenrounds/worker without Temporal rejects with the command that installs it',
  async (call) => {
    const script = `
      import { connectClient, createWorker, runWorker } from 'tenrounds/worker'
      await ${call}.catch(({ name, code, message }) => console.log(JSON.stringify({ name, code, message })))`
    const { stdout } = await bare.node('--input-type=module', '--eval', script)
    expect(JSON.parse(stdout)).toEqual({
      name: 'MissingPackageError',
      code: 'missing_package',
      message: expect.stringMatching(/^@temporalio\/\w+ is not installed\. Run: npm install .*@temporalio\/worker/),
    })
  },
)

test.each([['worker'], ['start', 'kv_cache_pressure'], ['watch', 'some-id']])(
  'without Temporal "tenrounds %s" prints in one line what to install',
  async (...args) => {
    const failed = await bare.node(manifest.bin['tenrounds'] ?? '', ...args).then(
      () => undefined,
      (error: { readonly code: number; readonly stderr: string }) => error,
    )
    expect(failed?.code).toBe(2)
    expect(failed?.stderr).toMatch(/^tenrounds: @temporalio\/\w+ is not installed\. Run: npm install .*\n$/)
  },
)

test('without Temporal the command prints its help', async () => {
  expect((await bare.node(manifest.bin['tenrounds'] ?? '', 'help')).stdout).toMatch(/^ {2}worker /m)
})

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

test('the built command finds the scenarios of the package', async () => {
  const { stdout } = await bare.node(manifest.bin['tenrounds'] ?? '', 'scenarios')
  const ids = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0])
  expect(ids).toEqual(listScenarios())
})

test('the built package runs an incident against its own mock server and renders the page of its report', async () => {
  const script = `
    import { minimax } from 'tenrounds'
    import { renderHtml, runIncident } from 'tenrounds/incident'
    import { startMockServer } from 'tenrounds/testing'
    import { incidentResponder } from './dist/lib/incident/responder/incident-responder.js'
    const mockServer = await startMockServer({ responder: incidentResponder() })
    const model = minimax({ url: mockServer.url, token: 'mock-server' })
    const { result, report } = await runIncident('kv_cache_pressure', { model })
    await model.close()
    await mockServer.close()
    console.log(result.validation.status, renderHtml(report.json).slice(0, 15))`
  const { stdout } = await bare.node('--input-type=module', '--eval', script)
  expect(stdout).toBe('improved <!DOCTYPE html>\n')
})
