import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { WorkflowHandle } from '@temporalio/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seededRandom } from '../../tools/simulation/requests.ts'
import { type ActivityHarness, activityHarness } from '../support/activity-harness.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../support/temporal-server.ts'
import { cities, undisturbed, undisturbedRequests } from './support/survey.ts'
import { type SurveyMoment, SurveySite } from './support/survey-site.ts'
import { WorkerProcess } from './support/worker-process.ts'

const source = await temporalForTests()
const heartbeatTimeoutMs = 5_000
/** A takeover should take at most the heartbeat timeout plus 3 s; the rest is slack for a busy machine. */
const takeoverSlackMs = 15_000

let server: TemporalServer
let harness: ActivityHarness
let site: SurveySite
let folder: string
const takeovers: number[] = []

/** The worker that takes over from every killed one. */
let rescuer: WorkerProcess

describe.skipIf(source === undefined).concurrent('a worker process that is killed', () => {
  beforeAll(async () => {
    server = await openTemporal(source)
    harness = await activityHarness(server)
    site = await SurveySite.open({ modelMs: 150, toolMs: 120 })
    folder = await mkdtemp(join(tmpdir(), 'tenrounds-bundle-'))
    await writeFile(join(folder, 'bundle.js'), harness.workflowBundle.code)
    rescuer = startProcess()
    await rescuer.ready()
  })
  afterAll(async () => {
    await rescuer?.kill()
    await site?.[Symbol.asyncDispose]()
    await harness?.[Symbol.asyncDispose]()
    await server?.[Symbol.asyncDispose]()
    if (folder) await rm(folder, { recursive: true })
    if (takeovers.length > 0) {
      const figures = takeovers.map((ms) => (ms / 1000).toFixed(1)).join(', ')
      console.log(`takeover after SIGKILL, heartbeat timeout ${heartbeatTimeoutMs / 1000} s: ${figures} s`)
    }
  })

  test.each<readonly [name: string, moment: SurveyMoment, count: number, waitMs: number, repeated: object]>([
    ['before the first reply', 'model-asked', 1, 20, { requests: 1 }],
    // The results of quick calls that can be repeated are not stored before the next heartbeat.
    ['during a later model call', 'model-asked', 3, 75, { requests: 1, measure: 1 }],
    ['as a reply arrives', 'model-answered', 2, 3, { requests: 1, measure: 1 }],
    ['after the model call, during a tool', 'tool-begun', 2, 60, { measure: 1 }],
    ['as a tool result arrives', 'tool-done', 3, 3, { requests: 1, measure: 1 }],
    ['during the call for the answer', 'model-asked', undisturbedRequests, 75, { requests: 1 }],
  ])(
    '%s: the answer is the same, and only work that was in flight is repeated',
    async (_, moment, count, waitMs, repeated) => {
      const survey = newSurvey()
      await using victim = startProcess()
      const handle = await begin(survey, victim)
      await site.until(survey, moment, count)
      await delay(waitMs)
      await takeOver([survey], victim)
      expect(await handle.result()).toMatchObject({
        stop_reason: 'answered',
        answer: undisturbed(survey),
        rounds: undisturbedRequests,
      })
      expectAtMostRepeated(survey, { requests: 0, measure: 0, ...repeated })
      expect(site.count(survey, 'book Oslo')).toBe(1)
    },
  )

  test('during a tool that must not run twice: the model learns that the outcome is unknown', async () => {
    const survey = newSurvey()
    await using victim = startProcess()
    const handle = await begin(survey, victim)
    await site.until(survey, 'tool-begun', cities.length + 1)
    await delay(60)
    await takeOver([survey], victim)
    const run: { answer: string; rounds: number } = await handle.result()
    expect(run).toMatchObject({ stop_reason: 'answered', rounds: undisturbedRequests })
    expect(run.answer).toContain('unknown')
    expect(run.answer).toContain(undisturbed(survey).slice(0, undisturbed(survey).indexOf(`{"said":"${survey} book`)))
    expect(site.count(survey, 'book Oslo')).toBe(1)
    expectAtMostRepeated(survey, { requests: 0, measure: 0 })
  })

  test.each([1, 2, 3])('at a random moment of six concurrent runs, seed %i: each one resumes', async (seed) => {
    const random = seededRandom(seed)
    const surveys = [newSurvey(), newSurvey(), newSurvey(), newSurvey(), newSurvey(), newSurvey()] as const
    await using victim = startProcess()
    await victim.work(queueOf(surveys[0]))
    const handles = await Promise.all(
      surveys.map(async (survey) => {
        await delay(random() * 400)
        return start(survey, queueOf(surveys[0]))
      }),
    )
    await delay(200 + random() * 1_200)
    await takeOver(surveys, victim)
    for (const [index, survey] of surveys.entries()) {
      const run: { answer: string } = await (handles[index] as WorkflowHandle).result()
      expect(run).toMatchObject({ stop_reason: 'answered', rounds: undisturbedRequests })
      // If the worker was killed while it booked, the outcome is unknown.
      if (!run.answer.includes('unknown')) expect(run.answer).toBe(undisturbed(survey))
      expectAtMostRepeated(survey, { requests: 1, measure: 1 })
      expect(site.count(survey, 'book Oslo')).toBe(1)
    }
  })
})

function newSurvey(): string {
  return `s${randomUUID().slice(0, 8)}`
}

function startProcess(): WorkerProcess {
  const args = [server.address, site.mockServer.url, site.control.url, join(folder, 'bundle.js')]
  return new WorkerProcess('survey-worker.ts', args)
}

function queueOf(survey: string): string {
  return `queue-${survey}`
}

/** Starts a survey on its own task queue, which this worker polls. */
async function begin(survey: string, worker: WorkerProcess): Promise<WorkflowHandle> {
  await worker.work(queueOf(survey))
  return start(survey, queueOf(survey))
}

function start(survey: string, taskQueue: string): Promise<WorkflowHandle> {
  const timeouts = { heartbeatTimeout: heartbeatTimeoutMs, retry: { maximumAttempts: 5 } }
  return harness.start({ taskQueue }, 'survey', timeouts, survey)
}

/** Resolves when any worker begins a model call or a tool of these surveys. */
function signOfLife(surveys: readonly string[]): Promise<void> {
  const isBeginning = (moment: SurveyMoment) => moment === 'model-asked' || moment === 'tool-begun'
  return site.next(({ survey, moment }) => surveys.includes(survey) && isBeginning(moment))
}

/** Kills the worker of these surveys, which share the queue of the first one, lets another worker take over, and measures the gap. */
async function takeOver(surveys: readonly [string, ...string[]], victim: WorkerProcess): Promise<void> {
  await victim.kill()
  const killedAt = performance.now()
  const takenOver = signOfLife(surveys)
  await rescuer.work(queueOf(surveys[0]))
  await takenOver
  const ms = performance.now() - killedAt
  takeovers.push(ms)
  expect(ms).toBeLessThan(heartbeatTimeoutMs + takeoverSlackMs)
}

/** Compares with the calls of an undisturbed run. */
function expectAtMostRepeated(survey: string, most: { readonly requests: number; readonly measure: number }): void {
  const requests = site.count(survey, 'model-asked') - undisturbedRequests
  const measured = cities.map((city) => site.count(survey, `measure ${city}`))
  expect(requests).toBeGreaterThanOrEqual(0)
  expect(requests).toBeLessThanOrEqual(most.requests)
  expect(Math.min(...measured)).toBeGreaterThanOrEqual(1)
  expect(measured.reduce((sum, count) => sum + count, 0) - cities.length).toBeLessThanOrEqual(most.measure)
}
