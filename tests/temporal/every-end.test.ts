import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CancelledFailure, Context } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { UnknownScenarioError } from '../../fixtures/load-scenario.ts'
import { incidentResponder } from '../../lib/incident/responder/incident-responder.ts'
import { ModelError } from '../../lib/loop/errors.ts'
import type { Model } from '../../lib/loop/model.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { type MockServer, startMockServer } from '../../lib/testing/index.ts'
import { builtInScenarios, type ScenarioSource } from '../../tools/scenario-source.ts'
import { type ActivityOptions, createActivities, type IncidentActivities } from '../../workflows/activities.ts'
import { type StartedIncident, startIncident, viewIncident } from '../../workflows/client.ts'
import type { AgentStepTimeouts } from '../../workflows/retries-and-timeouts.ts'
import { fails, scriptedModel } from '../support/scripted-model.ts'
import { temporalForTests } from '../support/temporal-server.ts'
import { completeReport } from './support/complete-report.ts'
import { busy } from './support/one-run.ts'
import { useHarness } from './support/use-harness.ts'

const source = await temporalForTests()
const scenario = 'healthy_control'

/** A workflow and its worker. */
interface Site extends AsyncDisposable {
  readonly started: StartedIncident
  /** Folder of the reports. */
  readonly reports: string
}

describe.skipIf(source === undefined).concurrent('the report of a workflow', () => {
  const harness = useHarness(source)
  let mockServer: MockServer
  let rules: Model
  let folder: string

  beforeAll(async () => {
    mockServer = await startMockServer({ responder: incidentResponder() })
    rules = minimax({ url: mockServer.url, token: 'any', env: {} })
    folder = await mkdtemp(join(tmpdir(), 'tenrounds-ends-'))
  })
  afterAll(async () => {
    await mockServer?.[Symbol.asyncDispose]()
    if (folder) await rm(folder, { recursive: true })
  })

  /** Starts a workflow, and a worker whose activities are replaced in part. */
  async function start(
    options: ActivityOptions,
    replaced: Partial<IncidentActivities> = {},
    timeouts: AgentStepTimeouts = {},
  ): Promise<Site> {
    const reports = await mkdtemp(join(folder, 'reports-'))
    const activities = { ...createActivities({ model: rules, reportDirectory: reports, ...options }), ...replaced }
    const worker = await harness.startWorker(activities)
    const { taskQueue } = worker
    const started = await startIncident(scenario, { client: harness.client, taskQueue, timeouts })
    return { started, reports, [Symbol.asyncDispose]: worker[Symbol.asyncDispose] }
  }

  test('is there after a cancellation before the first activity', async () => {
    const reports = await mkdtemp(join(folder, 'reports-'))
    const taskQueue = `early-${reports.slice(-6)}`
    const started = await startIncident(scenario, { client: harness.client, taskQueue })
    await started.handle.cancel()
    await using _worker = await harness.startWorker(
      createActivities({ model: rules, reportDirectory: reports }),
      taskQueue,
    )
    await expectCancelled(started)
    expect((await completeReport(reports, scenario)).run).toMatchObject({ stop_reason: 'cancelled', rounds: 0 })
  })

  test('is there after a cancellation during collect_telemetry', async () => {
    const { collect_telemetry } = createActivities()
    let attempts = 0
    await using site = await start(
      {},
      {
        collect_telemetry: async (input) => {
          if (++attempts > 1) return collect_telemetry(input)
          void site.started.handle.cancel()
          const { cancellationSignal } = Context.current()
          await delay(40_000, undefined, { signal: cancellationSignal }).catch(() => {})
          throw new CancelledFailure('CANCELLED')
        },
      },
    )
    await expectCancelled(site.started)
    expect(attempts).toBe(2)
    expect((await completeReport(site.reports, scenario)).run).toMatchObject({ stop_reason: 'cancelled', rounds: 0 })
  })

  test('is there after a cancellation while the step waits for a worker', async () => {
    const reports = await mkdtemp(join(folder, 'reports-'))
    const taskQueue = `queued-${reports.slice(-6)}`
    // A worker for the workflow and its local activities only.
    await using _worker = await harness.startWorker(
      createActivities({ model: rules, reportDirectory: reports }),
      taskQueue,
      { enableNonLocalActivities: false },
    )
    const started = await startIncident(scenario, { client: harness.client, taskQueue })
    await vi.waitFor(
      async () => expect(await viewIncident(started.handle)).toMatchObject({ activity: { state: 'SCHEDULED' } }),
      { timeout: 20_000 },
    )
    await started.handle.cancel()
    await expectCancelled(started)
    expect((await completeReport(reports, scenario)).run).toMatchObject({ stop_reason: 'cancelled', rounds: 0 })
  })

  test('is there after a cancellation while the step waits for its next attempt', async () => {
    await using site = await start({ model: scriptedModel([fails(busy(600_000))]) })
    await vi.waitFor(
      async () => expect(await viewIncident(site.started.handle)).toMatchObject({ activity: { attempt: 2 } }),
      { timeout: 20_000 },
    )
    await site.started.handle.cancel()
    await expectCancelled(site.started)
    expect((await completeReport(site.reports, scenario)).run).toMatchObject({ stop_reason: 'cancelled', rounds: 0 })
  })

  test('has the rounds so far after a cancellation during agent_step', async () => {
    const model = slowAfter(rules, 1)
    await using site = await start({ model })
    await vi.waitFor(() => expect(model.isSlow()).toBe(true), { timeout: 20_000 })
    await site.started.handle.cancel()
    expect(await site.started.result()).toMatchObject({ stop_reason: 'cancelled' })
    expect((await completeReport(site.reports, scenario)).run).toMatchObject({ stop_reason: 'cancelled', rounds: 1 })
  })

  test('is complete after a cancellation during generate_report', async () => {
    const reports = await mkdtemp(join(folder, 'reports-'))
    const { generate_report } = createActivities({ reportDirectory: reports })
    await using site = await start(
      {},
      {
        generate_report: async (input) => {
          await site.started.handle.cancel()
          await delay(1_000)
          return generate_report(input)
        },
      },
    )
    expect(await site.started.result()).toMatchObject({ stop_reason: 'answered' })
    expect((await completeReport(reports, scenario)).run).toMatchObject({ stop_reason: 'answered' })
  })

  test('has the error of an agent step that no retry can fix, and the status has its folder', async () => {
    const refused = new ModelError('invalid api key', { code: 'authentication', retryable: false })
    await using site = await start({ model: scriptedModel([fails(refused)]) })
    await expect(site.started.result()).rejects.toMatchObject({
      cause: { cause: { type: 'ModelError.authentication' } },
    })
    const { report_directory = '' } = await site.started.status()
    await access(join(report_directory, 'report.json'))
    expect((await completeReport(site.reports, scenario)).run).toMatchObject({
      stop_reason: 'failed',
      error: { message: 'invalid api key' },
    })
  })

  test('has the rounds before a failure that no retry can fix', async () => {
    const refused = new ModelError('account blocked', { code: 'authentication', retryable: false })
    const model = slowAfter(rules, 1, () => Promise.reject(refused))
    await using site = await start({ model })
    expect(await site.started.result()).toMatchObject({ stop_reason: 'failed' })
    expect((await completeReport(site.reports, scenario)).run).toMatchObject({ stop_reason: 'failed', rounds: 1 })
  })

  test('has the error of a step whose worker has lost the incident, and says that facts are missing', async () => {
    let isLost = false
    const scenarios: ScenarioSource = {
      list: () => (isLost ? [] : builtInScenarios.list()),
      load: (id) => {
        if (isLost) throw new UnknownScenarioError(id, [])
        return builtInScenarios.load(id)
      },
    }
    const { agent_step } = createActivities({ scenarios, model: rules })
    const notice = 'No model was used.'
    await using site = await start(
      { scenarios, notice },
      {
        agent_step: (input) => {
          isLost = true
          return agent_step(input)
        },
      },
    )
    await expect(site.started.result()).rejects.toMatchObject({ cause: { cause: { type: 'UnknownScenarioError' } } })
    const document = await completeReport(site.reports, scenario)
    expect(document.run).toMatchObject({ stop_reason: 'failed', error: { name: 'UnknownScenarioError' } })
    expect(document.notice).toMatch(/^No model was used\. The files of the incident could not be read/)
  })

  test('is made of a result that an earlier release returned', async () => {
    const { agent_step } = createActivities({ model: rules })
    await using site = await start(
      {},
      {
        agent_step: async (input) => {
          const { attempts: _, violations: __, ...earlier } = await agent_step(input)
          const result: unknown = earlier
          return result as Awaited<ReturnType<typeof agent_step>>
        },
      },
    )
    expect(await site.started.result()).toMatchObject({ stop_reason: 'answered' })
    expect(await completeReport(site.reports, scenario)).toMatchObject({ attempts: [], violations: [] })
  })

  test('cannot be made without the incident: the workflow fails with the reason, and there is no folder', async () => {
    await using site = await start({ scenarios: { list: () => [], load: unknown } })
    await expect(site.started.result()).rejects.toMatchObject({ cause: { type: 'UnknownScenarioError' } })
    expect((await site.started.status()).report_directory).toBeUndefined()
    await expect(completeReport(site.reports, scenario)).rejects.toThrow()
  })

  test('that cannot be written is still in the result, with the reason', async () => {
    const file = join(folder, 'not-a-folder')
    await writeFile(file, '')
    await using site = await start({ reportDirectory: file })
    const result = await site.started.result()
    expect(result).toMatchObject({ stop_reason: 'answered', report_error: expect.stringContaining('not-a-folder') })
    expect(result.report?.markdown).toContain(scenario)
  })

  test('that cannot be made costs nothing but the report', async () => {
    await using site = await start(
      {},
      { generate_report: () => Promise.reject(ApplicationFailure.nonRetryable('on purpose')) },
    )
    const result = await site.started.result()
    expect(result).toMatchObject({ stop_reason: 'answered', status: 'unchanged', report_error: 'on purpose' })
  })
})

async function expectCancelled({ handle, result }: StartedIncident): Promise<void> {
  await expect(result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } })
  expect((await handle.describe()).status.name).toBe('CANCELLED')
}

function unknown(id: string): never {
  throw new UnknownScenarioError(id, [])
}

/** Answers this many calls like the model, and all others with `then`: by default only after an abort. */
function slowAfter(
  model: Model,
  calls: number,
  then: (signal: AbortSignal) => Promise<never> = untilAborted,
): Model & { isSlow(): boolean } {
  let asked = 0
  return {
    ...model,
    complete: (request) => (++asked > calls ? then(request.signal) : model.complete(request)),
    isSlow: () => asked > calls,
  }
}

async function untilAborted(signal: AbortSignal): Promise<never> {
  await delay(600_000, undefined, { signal })
  throw new Error('The call was not aborted.')
}
