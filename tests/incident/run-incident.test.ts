import { expect, test } from 'vitest'
import { type IncidentOptions, type Report, runIncident } from '../../lib/incident/index.ts'
import { incidentResponder } from '../../lib/incident/responder/incident-responder.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { type Responder, startMockServer } from '../../lib/testing/index.ts'
import { scenario } from './support/answer.ts'
import { simulate } from './support/simulate.ts'

async function incident(options: IncidentOptions = {}, responder: Responder = incidentResponder()) {
  await using mockServer = await startMockServer({ responder })
  const model = minimax({ url: mockServer.url, token: 'mock-server', env: {} })
  const outcome = await runIncident(scenario, { ...options, model })
  await model.close()
  return { ...outcome, requests: mockServer.requests }
}

const times = new Set(['duration_ms', 'elapsed_ms', 'model_ms', 'start_ms', 'end_ms', 'run_id'])
const withoutTimes = ({ json }: Report): unknown =>
  JSON.parse(JSON.stringify(json, (name, value: unknown) => (times.has(name) ? undefined : value)))
const stoppedClock = { now: () => 0, after: () => () => {} }

test('an incident with a full KV cache is found, fixed and validated as improved', async () => {
  const { result, report } = await incident()
  expect(result).toMatchObject({
    diagnosis: { category: 'kv_cache', root_cause: expect.stringMatching(/KV cache/i) },
    validation: { status: 'improved' },
    run: { stop_reason: 'answered', provider: 'minimax' },
  })
  expect(result.run.rounds).toBeLessThanOrEqual(10)
  expect(result.diagnosis.evidence.length).toBeGreaterThan(0)
  expect(result.diagnosis.evidence.every(({ grounded }) => grounded)).toBe(true)
  expect(report.json).toMatchObject({ report_version: 2, scenario, notice: null, validation: result.validation })
})

test("the report's figures come from the tools even if the answer's words are changed on the way", async () => {
  const honest = incidentResponder()
  const distorted: Responder = async (request) => {
    const draft = await honest(request)
    if (draft.content === undefined || draft.content === '') return draft
    const answer = JSON.parse(draft.content)
    answer.diagnosis.summary = 'Validation regressed: p95 rose to 777.7 s.'
    return { ...draft, content: JSON.stringify(answer) }
  }
  const { result, report } = await incident({}, distorted)
  expect(result.diagnosis.summary).toContain('777.7')
  expect(result.fix_plan).not.toBeNull()
  if (result.fix_plan === null) return
  // The invented figure is sent back until the rounds are used up, so nothing is confirmed.
  expect(result.run.stop_reason).toBe('rounds')
  const { validation, ...figures } = await simulate(scenario, result.fix_plan)
  expect(report.json).toMatchObject({ ...figures, validation: { status: 'unknown', deltas: validation.deltas } })
})

test.each(['` ', '`', '[', '\u001b', 'word '])(
  'evidence with a quote of 150 000 times %j gives a report',
  async (piece) => {
    const honest = incidentResponder()
    const verbose: Responder = async (request) => {
      const draft = await honest(request)
      if (draft.content === undefined || draft.content === '') return draft
      const answer = JSON.parse(draft.content)
      answer.diagnosis.evidence.push({ tool: 'fetch_config', quote: piece.repeat(150_000) })
      return { ...draft, content: JSON.stringify(answer) }
    }
    const { result, report } = await incident({}, verbose)
    // The quote is in no result, so the answer is not accepted.
    expect(result.run.stop_reason).not.toBe('answered')
    expect(report.markdown).toContain('**not confirmed: ')
  },
)

test('two runs give the same report except for run id and times', async () => {
  const [first, second] = [await incident({ runId: 'first' }), await incident({ runId: 'second' })]
  expect(withoutTimes(second.report)).toEqual(withoutTimes(first.report))
  expect(second.report.json.run.run_id).toBe('second')
})

test('with the same run id and a stopped clock, two runs give the same bytes', async () => {
  const options = { runId: 'same', clock: stoppedClock }
  const [first, second] = [await incident(options), await incident(options)]
  expect(JSON.stringify(second.report)).toBe(JSON.stringify(first.report))
  expect(second.requests).toEqual(first.requests)
})

test('the mock server accepts every request of a run', async () => {
  const { requests } = await incident()
  expect(requests.map(({ status }) => status)).toEqual(requests.map(() => 200))
})

test('a notice is at the top of both forms of the report', async () => {
  const { report } = await incident({ notice: 'This is a drill.' })
  expect(report.json.notice).toBe('This is a drill.')
  expect(report.markdown.split('\n').slice(0, 6).join('\n')).toContain('This is a drill.')
})

test('an unknown scenario is refused before any request, and the error lists the ids', async () => {
  await using mockServer = await startMockServer()
  const model = minimax({ url: mockServer.url, token: 'mock-server', env: {} })
  await expect(runIncident('no_such_incident', { model })).rejects.toMatchObject({
    name: 'UnknownScenarioError',
    message: expect.stringContaining('kv_cache_pressure'),
  })
  expect(mockServer.requests).toEqual([])
})
