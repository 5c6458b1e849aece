import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bootstrapMean, wilson } from '../../../lib/incident/evaluation/summary.ts'
import {
  type AgentResult,
  collectTelemetry,
  type EvaluationDocument,
  EvaluationError,
  evaluate,
  evaluationSchema,
  renderEvaluationHtml,
  renderEvaluationMarkdown,
  runIncidentAgent,
} from '../../../lib/incident/index.ts'
import { incidentResponder } from '../../../lib/incident/responder/incident-responder.ts'
import { ModelError } from '../../../lib/loop/errors.ts'
import { minimax } from '../../../lib/minimax/minimax.ts'
import { faults, startMockServer } from '../../../lib/testing/index.ts'
import { compileSchema } from '../../../router/validation.ts'

let right: AgentResult
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenrounds-eval-'))
  await using server = await startMockServer({ responder: incidentResponder() })
  const model = minimax({ url: server.url, token: 'any', env: {} })
  const pre_telemetry = await collectTelemetry('healthy_control')
  right = await runIncidentAgent({ scenario: 'healthy_control', pre_telemetry }, { model })
  await model.close()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** An evaluation of results that are there already. */
const evaluated = (options: Parameters<typeof evaluate>[0] & { readonly execute?: () => Promise<AgentResult> }) => {
  const { execute = async () => right, ...rest } = options
  return evaluate({ scenarios: ['healthy_control'], subject: { execute, name: 'recorded' }, ...rest })
}

const limited = new ModelError('Too many requests.', { code: 'rate_limit', retryable: true })

describe('provider errors', () => {
  test('are counted apart, and the score has only the other runs', async () => {
    let call = 0
    const execute = async () => {
      if (++call % 2 === 0) throw limited
      return right
    }
    const { total, complete, runs } = await evaluated({ execute, runs: 4 })
    expect(complete).toBe(false)
    expect(total).toMatchObject({ runs: 2, passed: 2, provider_errors: 2, score: { value: 1 } })
    expect(runs.filter(({ error }) => error?.code === 'rate_limit')).toHaveLength(2)
  })

  test('of a real client are no answers either, and a refused token stops the evaluation', async () => {
    await using server = await startMockServer({ faults: [faults.errorReply('401')] })
    const model = minimax({ url: server.url, token: 'any', env: {} })
    const { total, runs } = await evaluate({ scenarios: ['healthy_control'], runs: 5, subject: { model } })
    await model.close()
    expect(total).toMatchObject({ runs: 0, provider_errors: 1, pass_rate: { value: null } })
    expect(runs[0]?.error).toMatchObject({ name: 'ModelError', code: 'authentication' })
  })

  test('are repeated when the evaluation is resumed', async () => {
    const out = join(folder, 'repeated')
    const failing = async () => {
      throw limited
    }
    expect((await evaluated({ execute: failing, runs: 2, out })).total.provider_errors).toBe(2)
    const { total, complete } = await evaluated({ runs: 2, out, resume: true })
    expect({ complete, total }).toMatchObject({ complete: true, total: { runs: 2, provider_errors: 0 } })
  })

  test('do not include a conversation that became too long: that is the model', async () => {
    const result: AgentResult = {
      ...right,
      run: {
        ...right.run,
        stop_reason: 'failed',
        error: { name: 'ModelError', message: 'long', code: 'context_length' },
      },
    }
    const { total, runs } = await evaluated({ execute: async () => result })
    expect(total).toMatchObject({ runs: 1, passed: 0, provider_errors: 0 })
    expect(runs[0]?.score?.reasons).toEqual(['The run has no accepted answer (failed: long).'])
  })

  test('include a first request that is too long for the context window of the server', async () => {
    await using server = await startMockServer({ faults: [faults.errorReply('400-context-window')] })
    const model = minimax({ url: server.url, token: 'any', env: {} })
    const { total, runs } = await evaluate({ scenarios: ['healthy_control'], subject: { model } })
    await model.close()
    expect(total).toMatchObject({ runs: 0, provider_errors: 1, score: { value: null } })
    expect(runs[0]).toMatchObject({ score: null, error: { code: 'context_length' } })
  })
})

describe('the folder of an evaluation', () => {
  test('has the result in three forms, and the JSON fulfils the schema', async () => {
    const out = join(folder, 'forms')
    const document = await evaluated({ runs: 2, out, prices: { input: 1, output: 2 } })
    expect(JSON.parse(await readFile(join(out, 'eval.json'), 'utf8'))).toEqual(document)
    expect(compileSchema(evaluationSchema)(document)).toEqual([])
    const { input_tokens, output_tokens } = right.run.usage
    expect(document.total.cost).toBeCloseTo((2 * (input_tokens + 2 * output_tokens)) / 1_000_000, 9)
    expect(await readFile(join(out, 'eval.md'), 'utf8')).toContain('2 of 2 runs passed')
    expect(await readFile(join(out, 'eval.html'), 'utf8')).toContain('2 of 2 runs passed')
  })

  test('is continued after a torn last line, and finished runs are not repeated', async () => {
    const out = join(folder, 'torn')
    await evaluated({ runs: 3, out })
    const file = join(out, 'runs.jsonl')
    const lines = (await readFile(file, 'utf8')).split('\n')
    await writeFile(file, [...lines.slice(0, 3), lines[3]?.slice(0, 40)].join('\n'))
    let calls = 0
    const execute = async () => {
      calls++
      return right
    }
    const { total } = await evaluated({ runs: 3, out, resume: true, execute })
    expect({ calls, runs: total.runs }).toEqual({ calls: 1, runs: 3 })
    for (const line of (await readFile(file, 'utf8')).trimEnd().split('\n'))
      expect(() => JSON.parse(line)).not.toThrow()
  })

  test.each([
    ['a damaged line in the middle', { resume: true }, 'damaged_results', /runs\.jsonl:2 is not JSON/],
    ['runs already, without resume', {}, 'already_started', /--resume/],
    ['runs of another seed', { resume: true, seed: 2 }, 'other_settings', /seed was 1 and is 2/],
    ['runs of another number', { resume: true, runs: 9 }, 'other_settings', /runs was 2 and is 9/],
  ] as const)('is refused with %s', async (name, options, code, message) => {
    const out = await mkdtemp(join(folder, 'refused-'))
    await evaluated({ runs: 2, out })
    if (code === 'damaged_results') {
      const file = join(out, 'runs.jsonl')
      const lines = (await readFile(file, 'utf8')).split('\n')
      await writeFile(file, [lines[0], '{"scenario":', ...lines.slice(2)].join('\n'))
    }
    const error = await evaluated({ runs: 2, out, ...options }).catch((thrown: unknown) => thrown)
    expect(error, name).toBeInstanceOf(EvaluationError)
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('is refused if its first line has no settings', async () => {
    const out = join(folder, 'foreign')
    await evaluated({ out })
    await writeFile(join(out, 'runs.jsonl'), '{"hello":1}\n')
    await appendFile(join(out, 'runs.jsonl'), '{"hello":2}\n')
    await expect(evaluated({ out, resume: true })).rejects.toMatchObject({ code: 'damaged_results' })
  })

  test('has its three files if the quota ends after the first run', async () => {
    const out = join(folder, 'quota')
    const failing = async () => {
      throw new ModelError('No balance.', { code: 'quota', retryable: false })
    }
    const document = await evaluated({ execute: failing, runs: 3, out })
    expect(document).toMatchObject({ complete: false, total: { runs: 0, provider_errors: 1 } })
    expect(JSON.parse(await readFile(join(out, 'eval.json'), 'utf8'))).toEqual(document)
    expect(await readFile(join(out, 'eval.html'), 'utf8')).toContain('Not complete: 3 of 3 runs have no score.')
  })

  test('keeps the finished runs of an evaluation that was stopped', async () => {
    const out = join(folder, 'stopped')
    const stop = new AbortController()
    const stopped = await evaluated({
      runs: 5,
      out,
      signal: stop.signal,
      onRun: (_, { done }) => done === 2 && stop.abort(),
    })
    expect(stopped).toMatchObject({ complete: false, total: { runs: 2 } })
    expect(JSON.parse(await readFile(join(out, 'eval.json'), 'utf8'))).toEqual(stopped)
    expect(await readFile(join(out, 'eval.md'), 'utf8')).toContain('Not complete: 3 of 5 runs have no score.')
    expect(await evaluated({ runs: 5, out, resume: true })).toMatchObject({ complete: true, total: { runs: 5 } })
  })
})

test.each([
  [{ runs: 0 }, /runs is 0/],
  [{ concurrency: 1.5 }, /concurrency is 1.5/],
  [{ seed: -1 }, /seed is -1/],
  [{ prices: { input: Number.NaN, output: 1 } }, /prices.input is NaN/],
  [{ scenarios: ['no_such'] }, /Unknown scenario "no_such"/],
  [{ scenarios: [] }, /scenarios is empty/],
])('wrong options %j are refused before the first run', async (options, message) => {
  await expect(evaluate(options)).rejects.toMatchObject({
    code: 'invalid_option',
    message: expect.stringMatching(message),
  })
})

test('runs at the same time give the same figures', async () => {
  const { total } = await evaluated({ runs: 6, concurrency: 3 })
  expect(total).toMatchObject({ runs: 6, passed: 6 })
})

test('words of a model are escaped in Markdown and HTML', async () => {
  const hostile = '</td><script>alert(1)</script> ![x](https://evil.example/p.png) | \u001b[31m \u202etxt'
  const result: AgentResult = { ...right, diagnosis: { ...right.diagnosis, root_cause: hostile } }
  const document: EvaluationDocument = await evaluated({ execute: async () => result })
  const html = renderEvaluationHtml(document)
  expect(html).not.toContain('<script>')
  expect(html).not.toContain('\u202e')
  expect(html).not.toContain('\u001b')
  expect(html).toContain("default-src 'none'")
  // Code is shown as it is, so an image in it is only text.
  const markdown = renderEvaluationMarkdown(document).replace(/`[^`\n]*`/g, '')
  expect(markdown).not.toContain('![x](')
  expect(markdown).not.toContain('https://')
})

test('a page with many failed runs says how many it leaves out', async () => {
  const document = await evaluated({ execute: async () => ({ ...right, fix_plan: null }) })
  const [run] = document.runs
  if (run === undefined) throw new Error('The evaluation has no run.')
  const runs = Array.from({ length: 301 }, (_, index) => ({ ...run, run: index + 1 }))
  expect(renderEvaluationHtml({ ...document, runs })).toContain('300 of 301 runs are shown.')
  expect(renderEvaluationHtml(document)).not.toContain('runs are shown.')
})

test('the intervals contain the share, have the right width, and depend on the seed only', () => {
  expect(wilson(0, 0)).toEqual({ value: null, low: null, high: null })
  expect(wilson(1, 1)).toEqual({ value: 1, low: null, high: null })
  expect(bootstrapMean([[0.4]], 1)).toEqual({ value: 0.4, low: null, high: null })
  expect(wilson(21, 21)).toMatchObject({ value: 1, high: 1, low: expect.closeTo(0.845, 3) })
  expect(wilson(5, 10)).toMatchObject({ low: expect.closeTo(0.237, 3), high: expect.closeTo(0.763, 3) })
  const groups = [
    [1, 1],
    [0, 0],
    [1, 0],
  ]
  expect(bootstrapMean(groups, 7)).toEqual(bootstrapMean(groups, 7))
  const { value, low, high } = bootstrapMean(groups, 7)
  expect(value).toBe(0.5)
  expect(low).toBeLessThan(0.5)
  expect(high).toBeGreaterThan(0.5)
})
